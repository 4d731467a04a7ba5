"""Commands that bring data in, turn it into features, and run the week."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from configs.dates import mondays
from pipeline.commands.options import (
    DATA,
    AsOf,
    BankOption,
    DataOption,
    RawOption,
    context_of,
    logged_context,
    monday_of,
)
from pipeline.progress import progress_bar, start_logging, step

app = typer.Typer()


@app.command("demo-bank")
def demo_bank(
    out: Annotated[Path, typer.Option(help="folder for the extracts")],
    customers: Annotated[int, typer.Option(min=100)] = 5000,
    weeks: Annotated[int, typer.Option(min=30)] = 130,
    seed: int = 7,
    weekly: Annotated[int, typer.Option(min=0, help="the last so many weeks in files of their own")] = 0,
) -> None:
    """Write the raw extracts of a made-up bank, and beside them the truth of who leaves and why."""
    from pipeline.demo_bank import write_demo_bank

    start_logging()
    with step("demo-bank") as counts, progress_bar("weeks") as on_week:
        write_demo_bank(out, customers, weeks, seed, progress=on_week, weekly=weekly)
        counts |= {"customers": customers, "weeks": weeks, "out": out}


@app.command()
def demo(data: DataOption = DATA) -> None:
    """Everything on the made-up bank: extracts, weekly run, and how near the model comes to the truth."""
    from pipeline.demo import run_demo

    typer.echo(run_demo(logged_context("demo", data)))


@app.command()
def ingest(raw: RawOption, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Read the bank's files into bucketed tables; refused rows go to quarantine.csv."""
    from pipeline.weekly import run_ingest

    context = logged_context(bank, data)
    tables = run_ingest(context, raw)
    typer.echo(f"{'table':<13}{'rows in':>12}{'loaded':>12}{'quarantined':>13}{'duplicates':>12}")
    for count in tables.counts:
        typer.echo(
            f"{count.table:<13}{count.rows_in:>12,}{count.loaded:>12,}{count.quarantined:>13,}"
            f"{count.duplicates:>12,}"
        )
    typer.echo(f"refused rows: {context.home.root / 'quarantine.csv'}")


@app.command("quarantine-export")
def quarantine_export(
    raw: RawOption,
    out: Annotated[Path, typer.Option(help="folder for the files to correct")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Write refused rows as files to correct, laid out as delivered; put them into the raw folder then."""
    from pipeline.ingest.quarantine import export_refused

    context = context_of(bank, data)
    for export in export_refused(context.settings, raw, context.home, out):
        typer.echo(f"{export.rows:>8,} rows of {export.file} → {export.target or 'no file'}")
        if export.advice:
            typer.echo(f"{'':>9}{export.advice}")


@app.command()
def weekly(raw: RawOption, as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Ingest, features, training when due, scores, publication, lists, mail for one Monday."""
    from configs.service import load_mail_server
    from pipeline.commands.summaries import lists_in_words
    from pipeline.lists.mail import send_after_run
    from pipeline.weekly import run_weekly

    context = logged_context(bank, data)
    publication, lists = run_weekly(context, raw, as_of)
    typer.echo(lists_in_words(context, publication, lists))
    send_after_run(context, load_mail_server, as_of)


@app.command("backfill")
def backfill_command(
    first: Annotated[
        date, typer.Option("--from", parser=monday_of, metavar="<%Y-%m-%d>", help="the first Monday")
    ],
    last: Annotated[
        date, typer.Option("--to", parser=monday_of, metavar="<%Y-%m-%d>", help="the last Monday")
    ],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Features of every Monday of a period, and labels where they have matured."""
    from pipeline.evaluation.research import backfill

    context, snapshots = logged_context(bank, data), mondays(first, last)
    with step("backfill") as counts, progress_bar("backfill") as on_bucket:
        matured = backfill(context, context.tables, snapshots, on_bucket)
        counts |= {"snapshots": len(snapshots), "matured": len(matured)}


@app.command("features-doc")
def features_document(
    out: Annotated[Path, typer.Option(help="the page to write")], bank: BankOption = "demo"
) -> None:
    """Write the catalogue of features: family, name, English, Chinese, unit, direction."""
    from features.catalogue.document import features_doc
    from pipeline.artefacts import write_text

    write_text(out, features_doc(context_of(bank, DATA).settings))
