"""Commands of the score store: its version, and the run that it serves."""

import typer

from pipeline.options import DATA, BankOption, DataOption, store_of

app = typer.Typer()


@app.command()
def migrate(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Take the score store to the version of this software, with all its rows."""
    from serve.schema import VERSION
    from serve.store import Store

    with Store(store_of(bank, data)) as store:
        steps = store.migrate()
    typer.echo(f"version {VERSION}, {'after ' + ', '.join(steps) if steps else 'as before'}")


@app.command("rollback-run")
def rollback_run(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Serve the run before the one that is served now."""
    from serve.store import Store

    with Store(store_of(bank, data)) as store:
        run = store.rollback()
    typer.echo(f"serves {run.run_id} of Monday {run.snapshot_date}")
