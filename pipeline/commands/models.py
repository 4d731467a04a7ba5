"""Commands of the data scientist: train, evaluate, compare."""

from datetime import date, timedelta
from typing import Annotated

import typer

from configs.dates import mondays
from configs.errors import ConfigError, DataError
from pipeline.commands.completion import models
from pipeline.commands.options import DATA, AsOf, BankOption, DataOption, context_of, monday_option, writing
from pipeline.progress import progress_bar, step

By = Annotated[str, typer.Option("--by", help="name of the person who decides")]
app = typer.Typer()


@app.command()
def train(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Train with what had matured by a Monday, evaluate out of time, register."""
    from pipeline.training.promotion import register
    from pipeline.weekly import run_train

    with writing("train", bank, data) as context:
        bundle = run_train(context, context.tables_for(as_of), as_of)
        register(context)
        typer.echo(f"bundle {context.home.models / bundle.model_id}")


@app.command()
def promote(
    bundle: Annotated[str, typer.Option(help="the model_id of a challenger", autocompletion=models)],
    by: By,
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Approve a challenger as a second person: it is tried, compared once more, and becomes champion."""
    from pipeline.commands.summaries import comparison_in_words
    from pipeline.training.promotion import approve

    with writing("promote", bank, data) as context:
        typer.echo(comparison_in_words(approve(context, context.tables, bundle, by)))


@app.command()
def rollback(by: By, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Return to the champion before the present one."""
    from pipeline.training.promotion import roll_back

    with writing("rollback", bank, data) as context:
        typer.echo(f"champion {roll_back(context, by)}")


@app.command()
def policy(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    use: Annotated[str, typer.Option(help="approve a policy as a second person: learnt, or settings")] = "",
    back: Annotated[bool, typer.Option("--back", help="return to the policy before the present one")] = False,
    by: Annotated[str, typer.Option("--by", help="name of the person who decides")] = "",
) -> None:
    """Compare the policy that fills the lists with its challenger; or approve that one, or return."""
    from pipeline.commands.summaries import policies_in_words
    from pipeline.lists import policies

    if use and back:
        raise ConfigError("name one of USE and BACK at a time.")
    with writing("policy", bank, data) as context:
        if back:
            typer.echo(f"the lists of the next Monday are filled by {policies.roll_back(context, by)}")
            return
        figures = policies.approve(context, use, by) if use else policies.compare(context)
        typer.echo(policies_in_words(figures))
        if use:
            typer.echo(f"approved: the lists of the next Monday are filled by {use}")


@app.command()
def audit(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    head: Annotated[str, typer.Option(help="a head written down earlier, number:hash")] = "",
    access_head: Annotated[str, typer.Option(help="the same of the access log")] = "",
    last: Annotated[int, typer.Option(min=1, help="how many entries to print")] = 20,
) -> None:
    """Verify the audit log and the access log from their first entries; exit code 2 if one is broken."""
    from pipeline.commands.summaries import audit_in_words
    from pipeline.training.promotion import verified, verified_reads

    context = context_of(bank, data)
    typer.echo(audit_in_words(verified(context, head), last))
    typer.echo(f"access log whole; head {verified_reads(context, access_head) or 'none'}")


@app.command("new-access-log")
def new_access_log(
    by: By,
    why: Annotated[str, typer.Option(help="why the access log of before is not there any more")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Start a new access log where the one before was archived or lost; the audit log keeps who and why."""
    from pipeline.training.promotion import begin_new_access_log

    with writing("new-access-log", bank, data) as context:
        begin_new_access_log(context, by, why)
    typer.echo("the next answer of the service begins a new access log; start the service anew")


@app.command()
def tune(
    as_of: AsOf,
    bank: BankOption = "demo",
    data: DataOption = DATA,
    trials: Annotated[int, typer.Option(min=1, help="how many sets of parameters to try")] = 20,
    seconds: Annotated[int, typer.Option(min=0, help="begin no trial after this; 0: no limit")] = 0,
) -> None:
    """Search LightGBM's parameters over folds in time; the evaluated Mondays are not read."""
    from pipeline.training.tuning import Budget, in_words, run_tuning

    with writing("tune", bank, data) as context:
        typer.echo(in_words(run_tuning(context, context.tables_for(as_of), as_of, Budget(trials, seconds))))


@app.command()
def report(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    model: Annotated[
        str, typer.Option(help="a model_id; without it the champion", autocompletion=models)
    ] = "",
) -> None:
    """The page of a model in full: intervals, groups, money, lists at capacity, profit, model card."""
    from models.bundle import load
    from pipeline.evaluation.model_report import report_in_full
    from pipeline.training import promotion

    with writing("report", bank, data) as context:
        champion = promotion.champion_or_none(context) if model else promotion.champion(context)
        bundle = load(context.home.models / model, context.bundle_key) if model else champion
        if bundle is None:
            raise DataError(f"bank {bank!r} has no champion. Train a model first.")
        rival = champion if champion and champion.model_id != bundle.model_id else None
        with step("report") as counts:
            page = report_in_full(context, context.tables, bundle, rival)
            counts |= {"model": bundle.model_id}
        typer.echo(page)


@app.command("mlflow")
def mlflow_command(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
) -> None:
    """Every training run in the browser, on loopback: parameters, curves, charts; Ctrl-C ends it."""
    from pipeline.training.mlflow_pages import show_runs

    raise typer.Exit(show_runs(data, bank, port, lambda page: typer.echo(f"training runs: {page}")))


@app.command()
def ablation(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Measure each family of features: the model evaluated out of time without it."""
    from pipeline.evaluation.research import ablate_families
    from pipeline.training.registry import track_ablation

    with writing("ablation", bank, data) as context:
        table = ablate_families(context, context.tables_for(as_of), as_of)
        track_ablation(context.data, context.settings.bank, as_of, table)
        typer.echo(table.astype(float).round(4).to_string())


@app.command("learning-curve")
def learning_curve(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Measure a longer history: models of the last quarter to all training Mondays, evaluated alike."""
    from pipeline.evaluation.research import learn_longer

    with writing("learning-curve", bank, data) as context:
        typer.echo(learn_longer(context, context.tables_for(as_of), as_of).round(4).to_string())


@app.command()
def backtest(
    as_of: AsOf,
    bank: BankOption = "demo",
    data: DataOption = DATA,
    origins: Annotated[int, typer.Option(min=1, help="how many past Mondays to train on")] = 4,
    every: Annotated[int, typer.Option(min=1, help="weeks between them")] = 13,
) -> None:
    """Train as on several past Mondays; compare what each model predicted with what happened."""
    from pipeline.commands.summaries import backtest_in_words
    from pipeline.evaluation.backtest import run_backtest
    from pipeline.evaluation.demo_truth import truth_of

    with writing("backtest", bank, data) as context:
        result = run_backtest(context, context.tables_for(as_of), as_of, origins, every, truth_of(context))
        typer.echo(backtest_in_words(result))


@app.command()
def outcomes(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """What became of the scores published for one Monday; kept in the store for the page of the model.

    Each horizon that has matured is counted anew, by all that the tables know today.
    """
    from pipeline.commands.summaries import calibration_in_words, outcomes_in_words
    from pipeline.monitoring.calibration import calibration
    from pipeline.monitoring.matured import keep_again, read_matured
    from pipeline.monitoring.outcomes import evaluate_published
    from serve.store.store import Store, keep_figures

    with writing("outcomes", bank, data) as context:
        label, today = context.settings.label, context.tables.last_day + timedelta(days=1)
        with progress_bar("outcomes") as on_bucket:
            horizons = keep_again(context, context.tables, as_of, on_bucket)
            matured = read_matured(context.home, label, today)
            if horizons:
                of_monday = [each for each in matured if each.snapshot_date == as_of]
                typer.echo(calibration_in_words(calibration(context.settings, matured, today), of_monday))
            if horizons and label.horizon_days not in horizons:
                return
            run_id, metrics, figures = evaluate_published(context, context.tables, as_of, on_bucket)
        with Store(context.home.store) as store, store.write() as connection:
            keep_figures(connection, run_id, "outcome", figures)
        typer.echo(outcomes_in_words(run_id, metrics, figures))


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
    from pipeline.evaluation.definitions_page import definitions_in_words

    with writing("definitions", bank, data) as context:
        with progress_bar("definitions") as on_bucket:
            result = compare_definitions(context, context.tables, as_of, drop, on_bucket)
        typer.echo(f"{definitions_in_words(result)}\n{context.home.root / 'definitions.html'}")


@app.command()
def replay(
    first: Annotated[date, monday_option("--from", "the first Monday")],
    last: Annotated[date, monday_option("--to", "the last Monday")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Every Monday of a past period as it would have been run, and what the lists would have caught."""
    from pipeline.replay.replay import replay_in_words, run_replay

    context = context_of(bank, data)
    result, page = run_replay(context, context.tables, mondays(first, last))
    typer.echo(f"{replay_in_words(result)}\n{page}")
