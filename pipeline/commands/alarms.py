"""Commands of whoever operates the weekly run: the status, and acknowledging alarms."""

import json
from typing import Annotated

import typer

from pipeline.commands.options import DATA, BankOption, DataOption, context_of

app = typer.Typer()


@app.command()
def status(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="for scripts")] = False,
) -> None:
    """What is served, who writes, alarms, gates, sources, last commands; sends what is due."""
    from pipeline.alarms.sending import send_due
    from pipeline.alarms.status import status as status_of
    from pipeline.alarms.status import status_in_words
    from pipeline.alarms.textfile import write_textfile
    from pipeline.outward.announcements import send_left

    context = context_of(bank, data)
    send_left(context)
    send_due(context)
    write_textfile(context)
    parts = status_of(context)
    typer.echo(json.dumps(parts, ensure_ascii=False, indent=1) if as_json else status_in_words(parts))


@app.command("acknowledge")
def acknowledge_command(
    alarm: Annotated[str, typer.Option(help="its eight characters, from status")],
    by: Annotated[str, typer.Option(help="name of the person who looks after it")],
    why: Annotated[str, typer.Option(help="what is being done")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Acknowledge an alarm in somebody's name: it is sent no more. An entry of the audit log says so."""
    from pipeline.alarms.acknowledgement import acknowledge

    acknowledged = acknowledge(context_of(bank, data), alarm, by, why)
    typer.echo(f"{acknowledged.alarm_id} acknowledged by {acknowledged.acknowledged_by}")
