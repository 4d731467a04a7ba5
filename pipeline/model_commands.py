"""Commands of the data scientist: train, judge, compare."""

from typing import Annotated

import typer

from configs.dates import monday
from pipeline.options import DATA, AsOf, BankOption, DataOption, bank_of

app = typer.Typer()


@app.command()
def train(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Train with what had matured by a Monday, judge out of time, register."""
    from pipeline.terminal import start_logging
    from pipeline.weekly import current_tables, run_train

    start_logging()
    chosen = bank_of(bank, data)
    bundle = run_train(chosen, current_tables(chosen), monday(as_of.date()))
    typer.echo(f"bundle {chosen.home.models / bundle.model_id}")


@app.command()
def ablation(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What each family of features is worth: the model judged out of time without it."""
    from pipeline.research import ablate_families
    from pipeline.terminal import start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen = bank_of(bank, data)
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
    chosen, day = bank_of(bank, data), monday(as_of.date())
    result = run_backtest(chosen, current_tables(chosen), day, origins, every, truth_of(chosen))
    typer.echo(backtest_in_words(result))


@app.command()
def outcomes(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What became of the scores published for one Monday."""
    from pipeline.outcomes import judge_published
    from pipeline.report import outcomes_in_words
    from pipeline.terminal import bar, start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen, day = bank_of(bank, data), monday(as_of.date())
    with bar("outcomes") as on_bucket:
        realised = judge_published(chosen.settings, chosen.home, current_tables(chosen), day, on_bucket)
    typer.echo(outcomes_in_words(realised))
