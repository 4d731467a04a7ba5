"""The commands: python -m pipeline <command> --help. Settings are loaded here and nowhere else."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from configs.dates import monday
from configs.errors import ConfigError, DataError

# LightGBM's threads spin while they wait, which is slow by a factor of six where cores are shared.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

BankOption = Annotated[str, typer.Option("--bank", help="folder below configs/banks")]
DataOption = Annotated[Path, typer.Option("--data", help="where artefacts lie")]
RawOption = Annotated[Path, typer.Option("--raw", help="the bank's extracts")]
AsOf = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="a Monday, for example 2026-11-16")
]
DATA = Path("data")


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
    from pipeline.terminal import bar, start_logging, step

    start_logging()
    with step("demo-bank") as counts, bar("weeks") as on_week:
        write_demo_bank(out, customers, weeks, seed, progress=on_week, weekly=weekly)
        counts |= {"customers": customers, "weeks": weeks, "out": out}


@app.command()
def demo(data: DataOption = DATA) -> None:
    """Everything on the made-up bank: extracts, weekly run, and how near the model comes to the truth."""
    from pipeline.demo import run_demo
    from pipeline.terminal import start_logging

    start_logging()
    typer.echo(run_demo(_bank("demo", data)))


@app.command()
def ingest(raw: RawOption, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Read the bank's files into bucketed tables; refused rows go to quarantine.csv."""
    from pipeline.terminal import start_logging
    from pipeline.weekly import run_ingest

    start_logging()
    chosen = _bank(bank, data)
    tables = run_ingest(chosen, raw)
    typer.echo(f"{'table':<13}{'rows in':>12}{'loaded':>12}{'quarantined':>13}{'duplicates':>12}")
    for one in tables.counts:
        typer.echo(
            f"{one.table:<13}{one.rows_in:>12,}{one.loaded:>12,}{one.quarantined:>13,}{one.duplicates:>12,}"
        )
    typer.echo(f"refused rows: {chosen.home.root / 'quarantine.csv'}")


@app.command("quarantine-export")
def quarantine_export(
    raw: RawOption,
    out: Annotated[Path, typer.Option(help="folder for the files to mend")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Write the refused rows as files to mend, laid out as delivered; put them into the raw folder when mended."""
    from pipeline.mending import export_refused

    chosen = _bank(bank, data)
    for one in export_refused(chosen.settings, raw, chosen.home, out):
        typer.echo(f"{one.rows:>8,} rows of {one.file} → {one.target or 'no file'}")
        if one.advice:
            typer.echo(f"{'':>9}{one.advice}")


@app.command()
def weekly(raw: RawOption, as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Ingest, features, training when due, scores, publication, lists for one Monday."""
    from pipeline.report import lists_in_words
    from pipeline.terminal import start_logging
    from pipeline.weekly import run_weekly

    start_logging()
    chosen = _bank(bank, data)
    publication, lists = run_weekly(chosen, raw, monday(as_of.date()))
    typer.echo(lists_in_words(chosen, publication, lists))


@app.command()
def train(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Train with what had matured by a Monday, judge out of time, register."""
    from pipeline.terminal import start_logging
    from pipeline.weekly import current_tables, run_train

    start_logging()
    chosen = _bank(bank, data)
    bundle = run_train(chosen, current_tables(chosen), monday(as_of.date()))
    typer.echo(f"bundle {chosen.home.models / bundle.model_id}")


@app.command("backfill")
def backfill_command(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="the first Monday")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="the last Monday")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Features of every Monday of a period, and labels where they have matured."""
    from configs.dates import mondays
    from pipeline.research import backfill
    from pipeline.terminal import bar, start_logging, step
    from pipeline.weekly import current_tables

    start_logging()
    chosen = _bank(bank, data)
    days = mondays(monday(first.date()), monday(last.date()))
    with step("backfill") as counts, bar("backfill") as on_bucket:
        matured = backfill(chosen.settings, chosen.home, current_tables(chosen), days, on_bucket)
        counts |= {"snapshots": len(days), "matured": len(matured)}


@app.command()
def ablation(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What each family of features is worth: the model judged out of time without it."""
    from pipeline.research import ablate_families
    from pipeline.terminal import start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen = _bank(bank, data)
    table = ablate_families(chosen.settings, chosen.home, current_tables(chosen), monday(as_of.date()))
    typer.echo(table.astype(float).round(4).to_string())


@app.command()
def backtest(
    as_of: AsOf,
    bank: BankOption = "demo",
    data: DataOption = DATA,
    origins: Annotated[int, typer.Option(min=1, help="how many past Mondays to train on")] = 4,
    every: Annotated[int, typer.Option(min=1, help="weeks between them")] = 13,
) -> None:
    """Train as on several past Mondays; what each model promised and what came."""
    from pipeline.backtest import run_backtest
    from pipeline.demo import truth_of
    from pipeline.report import backtest_in_words
    from pipeline.terminal import start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen, day = _bank(bank, data), monday(as_of.date())
    result = run_backtest(chosen, current_tables(chosen), day, origins, every, truth_of(chosen))
    typer.echo(backtest_in_words(result))


@app.command("features-doc")
def features_document(
    out: Annotated[Path, typer.Option(help="the page to write")], bank: BankOption = "demo"
) -> None:
    """Write the catalogue of features: family, name, English, Chinese, unit, direction."""
    from features.document import features_doc
    from pipeline.artefacts import write_text

    write_text(out, features_doc(_bank(bank, DATA).settings))


@app.command()
def outcomes(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What became of the scores published for one Monday."""
    from pipeline.outcomes import judge_published
    from pipeline.report import outcomes_in_words
    from pipeline.terminal import bar, start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen, day = _bank(bank, data), monday(as_of.date())
    with bar("outcomes") as on_bucket:
        realised = judge_published(chosen.settings, chosen.home, current_tables(chosen), day, on_bucket)
    typer.echo(outcomes_in_words(realised))


def _bank(name: str, data: Path):  # type: ignore[no-untyped-def]
    from configs.folder import load_settings
    from pipeline.weekly import Bank

    return Bank(load_settings(name), data)


def main() -> None:
    """Run a command; what a user can mend is one sentence on stderr and exit code 2."""
    try:
        app()
    except (DataError, ConfigError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
