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
- ``score``: risks and shares of ``--rows`` customers, and after that the contributions and the three reasons.

``data/bench/model.json`` holds the figures; under "all" those of every child. ``train_per_fit`` is training
over the fit of whether and when alone, the stricter ratio and the one the goal is held to; ``train_per_fits``
is over the fits of both models.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.features import BANK, make_bank, monday_after, say
from benchmarks.features_spark import peak_mb
from configs.bank_folder import load_settings
from pipeline.artefacts import write_json
from pipeline.context import Context

GOAL = 1.25  # seconds of training per second of LightGBM's own fit


def training(bank: Context, as_of: date, _: int) -> dict[str, Any]:
    """The whole of training, from the feature files to the bundle on disk."""
    from pipeline.tables import read_ingested
    from pipeline.training.train import plan, train

    chosen = plan(bank.settings, read_ingested(bank.home), as_of)
    took = _clock()
    bundle, _judged = train(bank, chosen, as_of, lambda *_: None)
    found = took() | {"rounds_tried": len(bundle.metrics["losses"]), "model_id": bundle.model_id}
    rows = {"customer_periods": bundle.metrics["customer_periods"], "columns": len(bundle.model.columns)}
    return found | rows | {"average_precision": bundle.metrics["model"]["average_precision"]}


def alone(bank: Context, as_of: date, rounds: int) -> dict[str, Any]:
    """LightGBM's fit of the customer-periods that training fits and stops on, then that of the shares that
    leave."""
    import lightgbm as lgb
    import numpy as np

    from models.boosting import parameters
    from models.hazard import customer_periods, downsample_negatives
    from models.severity import fit_severity
    from pipeline.tables import read_ingested
    from pipeline.training.train import plan
    from pipeline.training.training_rows import load_matrix, load_peers, monotone_signs

    chosen, horizons = plan(bank.settings, read_ingested(bank.home), as_of), bank.settings.label.horizons
    peers = load_peers(bank.settings, bank.home, chosen.train)
    train, tune = (load_matrix(bank.home, days, peers) for days in (chosen.train, chosen.tune))
    given = bank.settings.training
    periods = customer_periods(train.time_to_attrition, horizons)
    some = downsample_negatives(periods, given.negatives_kept, given.seed)
    every = customer_periods(tune.time_to_attrition, horizons)
    known, later = (
        np.column_stack([rows.features[periods.row], periods.days])
        for rows, periods in ((train, some), (tune, every))
    )
    made = parameters(given, given.lightgbm, "binary") | {"metric": "binary_logloss"}
    made["monotone_constraints"] = [*monotone_signs(bank.settings, train.columns), 0]
    took = _clock()
    binned = lgb.Dataset(known, some.gone, params=made)
    tuning = binned.create_valid(later, every.gone)
    tuning.construct()
    binning = took()
    lgb.train(made, binned, num_boost_round=rounds, valid_sets=[tuning])
    fitted = took()
    took = _clock()
    fit_severity(train, tune, bank.settings.training)
    return fitted | {"binning": binning, "severity": took(), "rows": len(some.row)}


def scoring(bank: Context, as_of: date, rows: int) -> dict[str, Any]:
    """Risks and shares of so many customers (those of several Mondays, again if need be), then why."""
    import numpy as np

    from models.bundle import load
    from models.explain import contributions, top_reasons
    from pipeline.scoring.reasons import words_of, worrying
    from pipeline.tables import read_ingested
    from pipeline.training.train import plan
    from pipeline.training.training_rows import load_matrix

    bundle = load(max(bank.home.models.iterdir(), key=lambda one: one.stat().st_mtime), bank.bundle_key)
    chosen = plan(bank.settings, read_ingested(bank.home), as_of)
    some = load_matrix(bank.home, (*chosen.tune, *chosen.evaluation), bundle.peers).features
    values = np.resize(some, (rows, some.shape[1]))
    took = _clock()
    bundle.calibrator.risks(bundle.model.raw(values))
    bundle.severity.share(values)
    predicted = took()
    words = words_of(bank.settings, bundle)
    took = _clock()
    parts = contributions(bundle.model, values).values
    top_reasons(parts, words.grouping, bank.settings.lists.reasons, worrying(words, values))
    reasons = took()
    return {"predict": predicted, "reasons": reasons, "rows": rows}


CHILDREN = {"train": training, "fit": alone, "score": scoring}


def measure(child: str, given: argparse.Namespace, number: int) -> dict[str, Any]:
    """What one child finds in a fresh process. Raises CalledProcessError when it fails."""
    say(child)
    command = [
        sys.executable,
        "-m",
        "benchmarks.model",
        *_as_given(given),
        "--child",
        child,
        "--number",
        str(number),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    given = _arguments()
    settings = load_settings(BANK, {"training": {"rounds": given.rounds}} if given.rounds else None)
    home, tables, _ = make_bank(given.work, given.customers, given.weeks)
    bank, as_of = Context(settings, home.root.parent), monday_after(tables)
    if given.child:
        print(json.dumps(CHILDREN[given.child](bank, as_of, given.number) | {"peak_mb": peak_mb()}))
        return
    _build(bank, as_of)
    found = {"train": measure("train", given, 0)}
    found["fit"] = measure("fit", given, found["train"]["rounds_tried"])
    found["score"] = measure("score", given, given.rows)
    result = figures(found) | {"load_average": round(os.getloadavg()[0], 1), "customers": given.customers}
    write_json(given.work / "model.json", result)
    print(in_words(result))


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The figures to look at first, and under "all" everything that the children found."""
    train, fit, score = found["train"], found["fit"], found["score"]
    return {
        "train_s": train["seconds"],
        "fit_s": fit["seconds"],
        "train_per_fit": round(train["seconds"] / fit["seconds"], 2),
        "train_per_fit_cpu": round(train["cpu"] / fit["cpu"], 2),
        "train_per_fits": round(train["seconds"] / (fit["seconds"] + fit["severity"]["seconds"]), 2),
        "train_peak_mb": train["peak_mb"],
        "predict_s": score["predict"]["seconds"],
        "reasons_s": score["reasons"]["seconds"],
        "reasons_per_predict": round(score["reasons"]["seconds"] / score["predict"]["seconds"], 1),
        "rows": score["rows"],
        "all": found,
    }


def in_words(result: dict[str, Any]) -> str:
    """The figures as people read them."""
    fit = result["all"]["fit"]
    return (
        f"training {result['train_s']:.1f} s, LightGBM alone {result['fit_s']:.1f} s on {fit['rows']:,} "
        f"customer-periods: × {result['train_per_fit']} (CPU × {result['train_per_fit_cpu']}; both models "
        f"× {result['train_per_fits']}; goal {GOAL}), peak {result['train_peak_mb']} MB\n"
        f"{result['rows']:,} customers: risks {result['predict_s']:.1f} s, reasons {result['reasons_s']:.1f} "
        f"s "
        f"(× {result['reasons_per_predict']})"
    )


def _build(bank: Context, as_of: date) -> None:
    """Features and labels of all Mondays that training needs, unless they stand."""
    from pipeline.snapshots.build import build_outcomes, build_snapshots
    from pipeline.tables import read_ingested
    from pipeline.training.train import plan

    say("features")
    tables = read_ingested(bank.home)
    chosen = plan(bank.settings, tables, as_of)
    days = (*chosen.train, *chosen.tune, *chosen.evaluation)
    build_snapshots(bank.settings, bank.home, tables, days, lambda *_: None)
    build_outcomes(bank.settings, bank.home, tables, days, as_of, lambda *_: None)


def _clock() -> Any:
    """Call what it returns for the seconds and CPU seconds since."""
    began, worked = time.perf_counter(), time.process_time()
    return lambda: {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu": round(time.process_time() - worked, 2),
    }


def _as_given(given: argparse.Namespace) -> list[str]:
    names = ("customers", "weeks", "rounds", "work")
    return [part for name in names for part in (f"--{name}", str(getattr(given, name)))]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=20_000, help="of the made-up bank")
    parser.add_argument("--weeks", type=int, default=130, help="of history")
    parser.add_argument("--rows", type=int, default=200_000, help="customers to score and explain")
    parser.add_argument(
        "--rounds", type=int, default=0, help="at most so many rounds; 0: as the settings say"
    )
    parser.add_argument("--work", type=Path, default=Path("data/bench"), help="where bank and figures lie")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
