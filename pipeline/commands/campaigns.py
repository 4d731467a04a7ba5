"""The command of campaigns: preview, propose, approve or refuse, send what is due, show the effects."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from configs.errors import ConfigError
from pipeline.commands.options import DATA, BankOption, DataOption, writing
from pipeline.progress import progress_bar

if TYPE_CHECKING:
    from serve.store.contacts import Author
    from serve.store.store import Store

app = typer.Typer()


@app.command()
def campaign(
    file: Annotated[str, typer.Option(help="a plan (TOML): counted, and proposed where --by names who")] = "",
    approve: Annotated[
        str, typer.Option(help="the number of a campaign to approve, as a second person")
    ] = "",
    refuse: Annotated[str, typer.Option(help="the number of one to refuse, as a second person")] = "",
    withdraw: Annotated[str, typer.Option(help="the number of one to withdraw, sent or not")] = "",
    by: Annotated[str, typer.Option(help="name of the person who decides")] = "",
    why: Annotated[str, typer.Option(help="why it is refused or withdrawn")] = "",
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Send what is approved and due, show every campaign; or propose one, approve, refuse or withdraw it."""
    from pipeline.campaigns.effect import run_effects
    from pipeline.campaigns.sending import send_due
    from serve.store import campaigns
    from serve.store.contacts import Author
    from serve.store.store import Store

    asked = [name for name in (file, approve, refuse, withdraw) if name]
    if len(asked) > 1:
        raise ConfigError("name one of FILE, APPROVE, REFUSE and WITHDRAW at a time.")
    with writing("campaign", bank, data) as context, Store(context.home.store) as store:
        author = Author(by, context.audit_key)
        if file:
            if not _proposed(store, Path(file), author):
                return
        elif asked:
            with store.write() as connection:
                if approve:
                    campaigns.approve(connection, approve, author)
                elif refuse:
                    campaigns.refuse(connection, refuse, author, why)
                else:
                    campaigns.withdraw(connection, withdraw, author, why)
        else:
            tables = context.tables
            with progress_bar("labels") as on_labels:
                run_effects(context, tables, on_labels)
            send_due(context, tables)
        _show(store)


def _proposed(store: "Store", file: Path, author: "Author") -> bool:
    """Print whom the plan of a file would reach, and propose it where somebody stands for it."""
    from pipeline.artefacts import fingerprint
    from pipeline.campaigns.plans import preview_in_words, read_plan
    from serve.store import campaigns
    from serve.store.audience import preview

    plan = read_plan(file)
    with store.at_run() as session:
        plan = campaigns.checked(session, plan)
        typer.echo(preview_in_words(plan, preview(session, plan)))
    if not author.name.strip():
        typer.echo("Nothing was proposed. To propose it, say who: BY=<name>")
        return False
    with store.write() as connection:
        campaigns.create(connection, plan, fingerprint(plan.model_dump_json()), author)
    return True


def _show(store: "Store") -> None:
    """Print each campaign with its state and effect."""
    from pipeline.campaigns.plans import campaign_in_words
    from serve.store import campaign_members, campaigns

    with store.at_run() as session:
        monday = session.run.snapshot_date
        for each in campaigns.listed(session.connection):
            achieved = campaign_members.latest_result(session.connection, each.campaign_id)
            typer.echo(campaign_in_words(each, monday, achieved))
