"""Commands around the weekly lists: telling their readers."""

import typer

from configs.dates import monday
from pipeline.options import DATA, AsOf, BankOption, DataOption, bank_of

app = typer.Typer()


@app.command()
def mail(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Tell each reader of a list of the Monday that is served, once; the message holds a link and no customer."""
    from configs.errors import ConfigError
    from configs.mail import load_mail_server
    from pipeline.mail import tell

    server = load_mail_server()
    if server is None:
        raise ConfigError("no mail server is named. Set ATTRITION_SMTP_HOST (docs/lists.md).")
    told = tell(bank_of(bank, data), server, monday(as_of.date()))
    typer.echo(f"{told.sent} notices sent, {told.sent_before} sent before")
    if told.elsewhere:
        typer.echo(f"{told.elsewhere} begun by another run of this command less than lease_seconds ago")
    for recipient, code in told.refused:
        typer.echo(f"refused by the mail server with {code}: {recipient}")
    for recipient in told.no_address:
        typer.echo(f"no address that mail can go to: {recipient}")
