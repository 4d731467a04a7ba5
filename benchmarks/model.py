"""Training and scoring beside what LightGBM alone takes, in one run.

    python -m benchmarks.model --customers 20000 --weeks 130 --rows 200000 --work data/bench

A made-up bank is generated, ingested and given features once and kept in ``--work``. Then, each alone in a
fresh process, clock, CPU and largest memory (CPU says more where the machine has other work to do):

- ``train``: what ``make train`` does from the feature files to the bundle on disk: load, bin, fit whether and
  when, stop early, calibrate, fit how much, evaluate;
- ``fit``: what LightGBM alone takes for whether and when: the same customer-periods as arrays in memory,
  bins, the same parameters, as many rounds as ``train`` tried, each evaluated on the tuning Mondays by
  LightGBM's own log loss; nothing is read, checked, calibrated, evaluated or written. After that, on a clock
  of its own, what the second model takes, how much leaves, which training fits as well;
- ``judge``: what follows the fits: figures with intervals, groups, the comparison with the rules, the page;
  it begins, as in ``make train``, with training's rows, predictions, catalogue and paths of the trees;
- ``score``: risks and shares of ``--rows`` customers, and after that the contributions and the three reasons.

``data/bench/model.json`` holds the figures; under "all" those of every child. ``train_per_fit`` is training
over the fit of whether and when alone, the stricter ratio and the one the goal is held to; ``train_per_fits``
is over the fits of both models. ``judge_per_train`` is judging over training. ``rates`` are per second of
CPU: values (a column of a row) loaded, binned, and × rounds fitted; rows × trees predicted. ``bytes`` are
those of a row on disk. docs/costs.md rests on both.
"""

import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow.parquet as pq

from benchmarks.features import BANK, make_bank, monday_after
from benchmarks.processes import alone, parser, say, stopwatch
from configs.bank_folder import load_settings
from configs.settings import Settings
from models.boosting import parameters
from models.bundle import load
from models.explain import contributions, top_reasons
from models.hazard import customer_periods, downsample_negatives
from models.severity import fit_severity
from models.splits import Split
from pipeline.artefacts import Home, write_json
from pipeline.context import Context
from pipeline.evaluation.model_report import card_of, evaluate_after_training, evaluation_of, model_page
from pipeline.scoring.reasons import facts_about, words_of
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training.comparison import compare
from pipeline.training.train import columns_of, load_learnt, load_matrix, monotone_signs, plan, train

JUDGE_GOAL = 0.1  # seconds of judging per second of training
GOAL = 1.25  # seconds of training per second of LightGBM's own fit


def training(settings: Settings, data: Path, chosen: Split, as_of: date) -> dict[str, Any]:
    """Figures of the whole of training, from the feature files to the bundle on disk."""
    took = stopwatch()
    bundle, *_ = train(Context(settings, data), chosen, as_of, lambda *_: None)
    found = took() | {"rounds_tried": len(bundle.metrics["losses"]), "model_id": bundle.model_id}
    rows = {"customer_periods": bundle.metrics["customer_periods"], "columns": len(bundle.model.columns)}
    return found | rows | {"average_precision": bundle.metrics["model"]["average_precision"]}


def fitting(settings: Settings, home: Home, chosen: Split, rounds: int) -> dict[str, Any]:
    """Figures of LightGBM's fit of the customer-periods that training fits, then of the shares that leave."""
    learnt = load_learnt(settings, home, chosen)
    took = stopwatch()
    trained, tuned = (load_matrix(home, days, learnt) for days in (chosen.train, chosen.tune))
    loaded = took()
    given, horizons = settings.training, settings.label.horizons
    periods = customer_periods(trained.time_to_attrition, horizons)
    some = downsample_negatives(periods, given.negatives_kept, given.seed)
    every = customer_periods(tuned.time_to_attrition, horizons)
    known, later = (
        np.column_stack([rows.features[periods.row], periods.days])
        for rows, periods in ((trained, some), (tuned, every))
    )
    made = parameters(given, given.lightgbm, "binary") | {"metric": "binary_logloss"}
    made["monotone_constraints"] = [*monotone_signs(settings, trained.columns), 0]
    took = stopwatch()
    binned = lgb.Dataset(known, some.gone, params=made)
    tuning = binned.create_valid(later, every.gone)
    tuning.construct()
    binning = took()
    lgb.train(made, binned, num_boost_round=rounds, valid_sets=[tuning])
    fitted = took()
    took = stopwatch()
    fit_severity(trained, tuned, given)
    sizes = {"loaded_rows": len(trained) + len(tuned), "tuned_periods": len(every.row), "rounds": rounds}
    found = {"load": loaded, "binning": binning, "severity": took(), "rows": len(some.row)}
    return fitted | found | sizes | {"columns": len(trained.columns)}


def judging(settings: Settings, data: Path, model_id: str) -> dict[str, Any]:
    """Figures of all that is found out about the model that was trained, on rows that are read."""
    bank = Context(settings, data)
    bundle = load(bank.home.models / model_id, bank.bundle_key)
    rows = load_matrix(bank.home, bundle.snapshots.evaluation, bundle.learnt)
    trained = bundle, rows, bundle.predict(rows)
    columns_of(settings)
    contributions(bundle.model, rows.features[:1])
    took = stopwatch()
    evaluated = evaluate_after_training(bank, bank.tables, trained, None)
    evaluation = took()
    comparison = compare(bank, bank.tables, bundle, None, evaluated)
    compared = took()
    card, figures = card_of(bank, bundle), evaluation_of(bank.home, bundle.model_id)
    model_page(settings, bundle, figures, card, {}, comparison)
    return took() | {"evaluation": evaluation, "compared": compared, "rows": len(rows)}


def scoring(settings: Settings, data: Path, model_id: str, chosen: Split, rows: int) -> dict[str, Any]:
    """Figures of the risks and shares of so many customers, then of their reasons; rows may repeat."""
    bank = Context(settings, data)
    bundle = load(bank.home.models / model_id, bank.bundle_key)
    some = load_matrix(bank.home, (*chosen.tune, *chosen.evaluation), bundle.learnt).features
    values = np.resize(some, (rows, some.shape[1]))
    took = stopwatch()
    raw = bundle.model.raw(values)
    trees = took() | {"trees": bundle.metrics["rounds"], "periods": raw.shape[1]}
    bundle.calibrator.risks(raw)
    bundle.severity.share(values)
    predicted = took()
    words = words_of(settings, bundle)
    took = stopwatch()
    parts = contributions(bundle.model, values).values
    about = facts_about(words, values)
    top_reasons(parts, words.grouping, settings.lists.reasons, about.fact >= 0, about.is_event)
    return {"predict": predicted, "trees": trees, "reasons": took(), "rows": rows}


def rates(fit: dict[str, Any], score: dict[str, Any]) -> dict[str, float]:
    """Values and trees that a second of CPU works through; docs/costs.md multiplies from them."""
    columns, trees = fit["columns"] + 1, score["trees"]
    growing = fit["cpu"] - fit["binning"]["cpu"]
    return {
        "values_loaded": round(fit["loaded_rows"] * fit["columns"] / fit["load"]["cpu"]),
        "values_binned": round((fit["rows"] + fit["tuned_periods"]) * columns / fit["binning"]["cpu"]),
        "values_fitted": round(fit["rows"] * columns * fit["rounds"] / growing),
        "trees_predicted": round(score["rows"] * trees["periods"] * trees["trees"] / trees["cpu"]),
    }


def bytes_on_disk(home: Home, tables: Ingested, day: date) -> dict[str, float]:
    """Bytes of a row of each kind of file of one Monday, and of a booking with all tables; and who of the
    cohort is eligible."""
    kinds = {kind: home.files(kind, day) for kind in ("features", "cohort", "labels")}
    rows = {kind: sum(pq.read_metadata(file).num_rows for file in files) for kind, files in kinds.items()}
    bookings = sum(pq.read_metadata(file).num_rows for file in tables.parts("transactions"))
    parts = [file for folder in tables.folders for file in folder.rglob("*.parquet")]
    return {
        **{kind: round(size_of(files) / rows[kind]) for kind, files in kinds.items()},
        "tables_per_booking": round(size_of(parts) / bookings),
        "eligible_share": round(rows["features"] / rows["cohort"], 3),
    }


def size_of(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--customers", type=int, default=20_000, help="of the made-up bank")
    options.add_argument("--weeks", type=int, default=130, help="of history")
    options.add_argument("--rows", type=int, default=200_000, help="customers to score and explain")
    options.add_argument("--rounds", type=int, default=0, help="at most; 0: as the settings say")
    options.add_argument("--work", type=Path, default=Path("data/bench"), help="where bank and figures lie")
    given = options.parse_args()
    settings = load_settings(BANK, {"training": {"rounds": given.rounds}} if given.rounds else None)
    home, tables, _ = make_bank(given.work, given.customers, given.weeks)
    as_of, data = monday_after(tables), home.root.parent
    chosen = plan(settings, tables, as_of)
    days = (*chosen.train, *chosen.tune, *chosen.evaluation)
    say("features and labels of all Mondays that training needs, unless they stand")
    build_snapshots(settings, home, tables, days, lambda *_: None)
    build_outcomes(settings, home, tables, days, as_of, lambda *_: None)
    say("training")
    found = {"train": alone(training, settings, data, chosen, as_of)}
    model_id = found["train"]["model_id"]
    say("judging")
    found["judge"] = alone(judging, settings, data, model_id)
    say("LightGBM alone")
    found["fit"] = alone(fitting, settings, home, chosen, found["train"]["rounds_tried"])
    say("scoring")
    found["score"] = alone(scoring, settings, data, model_id, chosen, given.rows)
    result = figures(found) | {"bytes": bytes_on_disk(home, tables, chosen.train[-1])}
    result |= {"load_average": round(os.getloadavg()[0], 1), "customers": given.customers}
    write_json(given.work / "model.json", result)
    print(in_words(result))


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The figures to look at first, and under "all" everything that the children found."""
    train, fit, judge, score = (found[name] for name in ("train", "fit", "judge", "score"))
    return {
        "train_s": train["seconds"],
        "fit_s": fit["seconds"],
        "train_per_fit": round(train["seconds"] / fit["seconds"], 2),
        "train_per_fit_cpu": round(train["cpu"] / fit["cpu"], 2),
        "train_per_fits": round(train["seconds"] / (fit["seconds"] + fit["severity"]["seconds"]), 2),
        "train_peak_mb": train["peak_mb"],
        "judge_s": judge["seconds"],
        "judge_per_train": round(judge["seconds"] / train["seconds"], 2),
        "judge_per_train_cpu": round(judge["cpu"] / train["cpu"], 2),
        "judged_rows": judge["rows"],
        "judge_peak_mb": judge["peak_mb"],
        "predict_s": score["predict"]["seconds"],
        "reasons_s": score["reasons"]["seconds"],
        "reasons_per_predict": round(score["reasons"]["seconds"] / score["predict"]["seconds"], 1),
        "rows": score["rows"],
        "rates": rates(fit, score),
        "all": found,
    }


def in_words(result: dict[str, Any]) -> str:
    rows = result["all"]["fit"]["rows"]
    return (
        f"training {result['train_s']:.1f} s, LightGBM alone {result['fit_s']:.1f} s on {rows:,} "
        f"customer-periods: × {result['train_per_fit']} (CPU × {result['train_per_fit_cpu']}; both models "
        f"× {result['train_per_fits']}; goal {GOAL}), peak {result['train_peak_mb']} MB\n"
        f"judging {result['judged_rows']:,} rows {result['judge_s']:.1f} s: × {result['judge_per_train']} "
        f"of training (CPU × {result['judge_per_train_cpu']}; goal {JUDGE_GOAL}), peak "
        f"{result['judge_peak_mb']} MB\n"
        f"{result['rows']:,} customers: risks {result['predict_s']:.1f} s, reasons "
        f"{result['reasons_s']:.1f} s (× {result['reasons_per_predict']})"
    )


if __name__ == "__main__":
    main()
