"""The command of campaigns: preview, propose, approve or refuse, send what is due, show the effects."""

from pathlib import Path
from typing import Annotated

import typer

from configs.errors import ConfigError
from pipeline.commands.options import DATA, BankOption, DataOption, writing
from pipeline.progress import progress_bar

app = typer.Typer()


@app.command()
def campaign(
    file: Annotated[str, typer.Option(help="a plan (TOML): counted, and proposed where --by names who")] = "",
    approve: Annotated[
        str, typer.Option(help="the number of a campaign to approve, as a second person")
    ] = "",
    refuse: Annotated[str, typer.Option(help="the number of one to refuse, as a second person")] = "",
    withdraw: Annotated[str, typer.Option(help="the number of one to withdraw, sent or not")] = "",
    by: Annotated[str, typer.Option(help="who stands for it, by name")] = "",
    why: Annotated[str, typer.Option(help="why it is refused or withdrawn")] = "",
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Send what is approved and due, show every campaign; or propose one, approve, refuse or withdraw it."""
    from pipeline.artefacts import fingerprint
    from pipeline.campaigns.effect import run_effects
    from pipeline.campaigns.plans import campaign_in_words, preview_in_words, read_plan
    from pipeline.campaigns.sending import send_due
    from serve.store import campaign_members, campaigns
    from serve.store.audience import preview
    from serve.store.contacts import Author
    from serve.store.store import Store

    asked = [name for name in (file, approve, refuse, withdraw) if name]
    if len(asked) > 1:
        raise ConfigError("name one of FILE, APPROVE, REFUSE and WITHDRAW at a time.")
    with writing("campaign", bank, data) as context, Store(context.home.store) as store:
        author = Author(by, context.audit_key)
        if file:
            plan = read_plan(Path(file))
            with store.at_run() as session:
                plan = campaigns.checked(session, plan)
                typer.echo(preview_in_words(plan, preview(session, plan)))
            if not by.strip():
                typer.echo("Nothing was proposed. To propose it, say who: BY=<name>")
                return
        elif not asked:
            tables = context.tables
            with progress_bar("labels") as on_labels:
                run_effects(context, tables, on_labels)
            send_due(context, tables)
        with store.write() as connection:
            if file:
                campaigns.create(connection, plan, fingerprint(plan.model_dump_json()), author)
            elif approve:
                campaigns.approve(connection, approve, author)
            elif refuse:
                campaigns.refuse(connection, refuse, author, why)
            elif withdraw:
                campaigns.withdraw(connection, withdraw, author, why)
        with store.at_run() as session:
            monday = session.run.snapshot_date
            for each in campaigns.listed(session.connection):
                achieved = campaign_members.latest_result(session.connection, each.campaign_id)
                typer.echo(campaign_in_words(each, monday, achieved))
