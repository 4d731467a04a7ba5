"""Commands of the data scientist: train, judge, compare."""

from typing import Annotated

import typer

from configs.dates import monday
from pipeline.commands.options import DATA, AsOf, BankOption, DataOption, bank_of

app = typer.Typer()


@app.command()
def train(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Train with what had matured by a Monday, judge out of time, register."""
    from pipeline.progress import start_logging
    from pipeline.weekly import current_tables, run_train

    start_logging()
    chosen = bank_of(bank, data)
    bundle = run_train(chosen, current_tables(chosen), monday(as_of.date()))
    typer.echo(f"bundle {chosen.home.models / bundle.model_id}")


By = Annotated[str, typer.Option("--by", help="who stands for it, by name")]


@app.command()
def promote(
    bundle: Annotated[str, typer.Option(help="the model_id of a challenger")],
    by: By,
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Approve a challenger as a second person: it is tried, compared once more, and becomes champion."""
    from pipeline.commands.summaries import decision_in_words
    from pipeline.progress import start_logging
    from pipeline.training.promotion import approve
    from pipeline.weekly import current_tables

    start_logging()
    chosen = bank_of(bank, data)
    typer.echo(decision_in_words(approve(chosen, current_tables(chosen), bundle, by)))


@app.command()
def rollback(by: By, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Return to the champion before the present one."""
    from pipeline.progress import start_logging
    from pipeline.training.promotion import roll_back

    start_logging()
    typer.echo(f"champion {roll_back(bank_of(bank, data), by)}")


@app.command()
def audit(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    head: Annotated[str, typer.Option(help="a head written down earlier, number:hash")] = "",
    access_head: Annotated[str, typer.Option(help="one of the access log, number:hash")] = "",
    last: Annotated[int, typer.Option(min=1, help="how many entries to print")] = 20,
) -> None:
    """Verify the audit log and the access log from their first entries; exit code 2 if one is broken."""
    from pipeline.commands.summaries import audit_in_words
    from pipeline.training.promotion import verified, verified_reads

    chosen = bank_of(bank, data)
    typer.echo(audit_in_words(verified(chosen, head), last))
    typer.echo(f"access log whole; head {verified_reads(chosen, access_head) or 'none'}")


@app.command()
def tune(
    as_of: AsOf,
    bank: BankOption = "demo",
    data: DataOption = DATA,
    trials: Annotated[int, typer.Option(min=1, help="how many sets of parameters to try")] = 20,
    seconds: Annotated[int, typer.Option(min=0, help="begin no trial after this; 0: no limit")] = 0,
) -> None:
    """Search LightGBM's parameters over folds in time; the judged Mondays are not looked at."""
    from models.tune import Budget
    from pipeline.progress import start_logging
    from pipeline.training.tuning import in_words, run_tuning
    from pipeline.weekly import current_tables

    start_logging()
    chosen, day = bank_of(bank, data), monday(as_of.date())
    typer.echo(in_words(run_tuning(chosen, current_tables(chosen), day, Budget(trials, seconds))))


@app.command()
def report(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    model: Annotated[str, typer.Option(help="a model_id; without it the champion")] = "",
) -> None:
    """The page of a model with everything: intervals, groups, money, lists at capacity, profit, model card."""
    from models.bundle import load
    from pipeline.evaluation.model_report import report_in_full
    from pipeline.progress import start_logging, step
    from pipeline.training import promotion, registry
    from pipeline.weekly import current_tables

    start_logging()
    chosen = bank_of(bank, data)
    folder = chosen.home.models / model if model else registry.champion(chosen.data, bank)
    bundle, champion = load(folder, chosen.bundle_key), promotion.champion_or_none(chosen)
    rival = champion if champion and champion.model_id != bundle.model_id else None
    with step("report") as counts:
        page = report_in_full(chosen, current_tables(chosen), bundle, rival)
        counts |= {"model": bundle.model_id}
    typer.echo(page)


@app.command()
def ablation(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What each family of features is worth: the model judged out of time without it."""
    from pipeline.evaluation.research import ablate_families
    from pipeline.progress import start_logging
    from pipeline.training.tracking import track_ablation
    from pipeline.weekly import current_tables

    start_logging()
    chosen = bank_of(bank, data)
    day = monday(as_of.date())
    table = ablate_families(chosen.settings, chosen.home, current_tables(chosen), day)
    track_ablation(chosen.data, chosen.settings.bank, day, table)
    typer.echo(table.astype(float).round(4).to_string())


@app.command("learning-curve")
def learning_curve(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What a longer history is worth: models of the last quarter to all of the training Mondays, judged alike."""
    from pipeline.evaluation.research import learn_longer
    from pipeline.progress import start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen = bank_of(bank, data)
    table = learn_longer(chosen.settings, chosen.home, current_tables(chosen), monday(as_of.date()))
    typer.echo(table.round(4).to_string())


@app.command()
def backtest(
    as_of: AsOf,
    bank: BankOption = "demo",
    data: DataOption = DATA,
    origins: Annotated[int, typer.Option(min=1, help="how many past Mondays to train on")] = 4,
    every: Annotated[int, typer.Option(min=1, help="weeks between them")] = 13,
) -> None:
    """Train as on several past Mondays; what each model promised and what came."""
    from pipeline.commands.summaries import backtest_in_words
    from pipeline.demo import truth_of
    from pipeline.evaluation.backtest import run_backtest
    from pipeline.progress import start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen, day = bank_of(bank, data), monday(as_of.date())
    result = run_backtest(chosen, current_tables(chosen), day, origins, every, truth_of(chosen))
    typer.echo(backtest_in_words(result))


@app.command()
def outcomes(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What became of the scores published for one Monday; kept in the store for the page of the model."""
    from pipeline.commands.summaries import outcomes_in_words
    from pipeline.monitoring.outcomes import judge_published
    from pipeline.progress import progress_bar, start_logging
    from pipeline.weekly import current_tables
    from serve.store import figures
    from serve.store.store import Store

    start_logging()
    chosen, day = bank_of(bank, data), monday(as_of.date())
    with progress_bar("outcomes") as on_bucket:
        realised = judge_published(chosen.settings, chosen.home, current_tables(chosen), day, on_bucket)
    with Store(chosen.home.store) as store, store.write() as connection:
        figures.keep(connection, realised.run_id, "outcome", realised.figures)
    typer.echo(outcomes_in_words(realised))


@app.command()
def definitions(
    as_of: AsOf,
    bank: BankOption = "demo",
    data: DataOption = DATA,
    drop: Annotated[
        list[float], typer.Option(min=0.01, max=1, help="share gone, for aum_drop; may be repeated")
    ] = [0.3, 0.5, 0.7, 0.9],  # noqa: B006
) -> None:
    """What each definition of attrition would have found: definitions.json and definitions.html."""
    from pipeline.evaluation.definitions import compare_definitions
    from pipeline.evaluation.definitions_page import definitions_in_words, write_page
    from pipeline.progress import progress_bar, start_logging
    from pipeline.weekly import current_tables

    start_logging()
    chosen, day = bank_of(bank, data), monday(as_of.date())
    with progress_bar("definitions") as on_bucket:
        result = compare_definitions(
            chosen.settings, chosen.home, current_tables(chosen), day, drop, on_bucket
        )
    page = write_page(chosen.home, result)
    typer.echo(f"{definitions_in_words(result)}\n{page}")
