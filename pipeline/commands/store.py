"""Commands of the score store: its version, the run that it serves, backup and restore."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import DATA, BankOption, DataOption, store_of

app = typer.Typer()


@app.command()
def migrate(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Take the score store to the version of this software, with all its rows."""
    from serve.store.schema import VERSION
    from serve.store.store import Store

    with Store(store_of(bank, data)) as store:
        steps = store.migrate()
    typer.echo(f"version {VERSION}, {'after ' + ', '.join(steps) if steps else 'as before'}")


@app.command("rollback-run")
def rollback_run(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Serve the run before the one that is served now."""
    from serve.store.store import Store

    with Store(store_of(bank, data)) as store:
        run = store.rollback()
    typer.echo(f"serves {run.run_id} of Monday {run.snapshot_date}")


@app.command()
def backup(
    out: Annotated[Path, typer.Option(help="a new file")], bank: BankOption = "demo", data: DataOption = DATA
) -> None:
    """Copy the score store, as it is at one moment, into a new file, and check the copy."""
    from serve.store.backup import back_up

    runs = back_up(store_of(bank, data), out)
    typer.echo(f"{runs} runs in {out}, {out.stat().st_size / 1e6:,.1f} MB")


@app.command()
def restore(
    source: Annotated[Path, typer.Option("--from", help="a file that backup wrote")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Put a backup in place of everything the score store holds."""
    from serve.store.backup import restore as put_back

    runs = put_back(store_of(bank, data), source)
    typer.echo(f"{runs} runs from {source}")
