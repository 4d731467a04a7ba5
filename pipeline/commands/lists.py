"""Commands around the weekly lists: mail to their readers, outcomes of the calls, the effect of calls."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import DATA, AsOf, BankOption, DataOption, context_of, logged_context
from pipeline.progress import progress_bar

app = typer.Typer()


@app.command()
def mail(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Tell each reader of a list of the served Monday, once; the message holds a link and no customer."""
    from configs.errors import ConfigError
    from configs.service import load_mail_server
    from pipeline.lists.mail import LEASE_SECONDS, send

    server = load_mail_server()
    if server is None:
        raise ConfigError("no mail server is named. Set ATTRITION_SMTP_HOST (docs/lists.md).")
    sent = send(context_of(bank, data), server, as_of)
    typer.echo(f"{sent.sent} notifications sent, {sent.sent_before} sent before")
    if sent.elsewhere:
        typer.echo(
            f"{sent.elsewhere} begun by another run of this command less than {LEASE_SECONDS} seconds ago"
        )
    for recipient, code in sent.refused:
        typer.echo(f"refused by the mail server with {code}: {recipient}")
    for recipient in sent.no_address:
        typer.echo(f"no address that mail can go to: {recipient}")


@app.command("read-outcomes")
def read_outcomes_command(
    file: Annotated[Path, typer.Option(help="a workbook of lists with outcomes typed in")],
    called_by: Annotated[str, typer.Option(help="the manager who called, for a branch's own list")] = "",
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Record the outcomes and notes that were typed into a workbook: all of them, or none and why."""
    from pipeline.lists.read_outcomes import read_outcomes

    outcomes = read_outcomes(context_of(bank, data), file, called_by)
    typer.echo(
        f"{outcomes['new']} outcomes recorded, {outcomes['changed']} changed since they were read before, "
        f"{outcomes['same']} as before, {outcomes['empty']} customers without one"
    )


@app.command()
def effect(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What being on the lists does, by the customers held out by lot, as far as it can be told yet."""
    from pipeline.commands.summaries import effect_in_words
    from pipeline.lists.experiment import run_effect

    context = logged_context(bank, data)
    with progress_bar("labels") as on_labels:
        figures = run_effect(context, context.tables, on_labels)
    typer.echo(effect_in_words(figures))
