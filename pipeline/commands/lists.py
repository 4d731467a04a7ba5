"""Commands around the weekly lists: telling their readers, reading back what came of the calls, whether calls help."""

from pathlib import Path
from typing import Annotated

import typer

from configs.dates import monday
from pipeline.commands.options import DATA, AsOf, BankOption, DataOption, bank_of

app = typer.Typer()


@app.command()
def mail(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Tell each reader of a list of the Monday that is served, once; the message holds a link and no customer."""
    from configs.errors import ConfigError
    from configs.mail import load_mail_server
    from pipeline.lists.mail import LEASE_SECONDS, tell

    server = load_mail_server()
    if server is None:
        raise ConfigError("no mail server is named. Set ATTRITION_SMTP_HOST (docs/lists.md).")
    told = tell(bank_of(bank, data), server, monday(as_of.date()))
    typer.echo(f"{told.sent} notices sent, {told.sent_before} sent before")
    if told.elsewhere:
        typer.echo(
            f"{told.elsewhere} begun by another run of this command less than {LEASE_SECONDS} seconds ago"
        )
    for recipient, code in told.refused:
        typer.echo(f"refused by the mail server with {code}: {recipient}")
    for recipient in told.no_address:
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

    found = read_outcomes(bank_of(bank, data), file, called_by)
    typer.echo(
        f"{found.new} outcomes recorded, {found.changed} changed since they were read before, {found.same} as before, "
        f"{found.empty} customers without one"
    )


@app.command()
def effect(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What being on the lists does, by the customers held out by lot, as far as it can be told yet."""
    from pipeline.commands.effect_summary import in_words
    from pipeline.lists.effect import run_effect
    from pipeline.progress import progress_bar, start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen = bank_of(bank, data)
    with progress_bar("labels") as on_labels:
        found = run_effect(chosen, current_tables(chosen), on_labels)
    typer.echo(in_words(found))
