"""Training on rows of past Mondays: split by time, fit, calibrate, evaluate out of time beside three rules.

A row holds features, what is learnt beside the trees and the outcome; all rows together lie on disk.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.dates import mondays
from configs.errors import ConfigError, DataError, did_you_mean
from configs.settings import PEER_GROUPS, Settings
from features.build import catalogue, first_monday
from features.catalogue.entries import Entry, peer_entries, silence_entry
from features.tier_rule import place
from models.alive import fit_alive
from models.baselines import RULES, rules
from models.boosting import Progress, parameters
from models.bundle import Bundle, Predicted, present_aum, settings_of, write
from models.hazard import Fitted, fit, fit_calibrator
from models.learnt import Learnt
from models.matrix import KEY, OUTCOME, Matrix, check_finite
from models.metrics import (
    by_snapshot,
    chance_auroc,
    customers_by_outcome,
    evaluate,
    money,
    ranking,
    reliability,
    single_aurocs,
    without_money,
)
from models.peers import fit_peers
from models.severity import fit_severity
from models.smoke_test import reference_rows
from models.splits import Split, TooFewMondaysError, dates_needed, split
from pipeline.artefacts import Home, to_disk
from pipeline.context import Context
from pipeline.progress import log
from pipeline.snapshots.build import (
    READERS,
    feature_names,
    nobody_eligible,
    read_eligible,
    read_features,
    read_partition,
)
from pipeline.snapshots.labelled import with_outcome
from pipeline.tables import Ingested

# The metrics that a reader compares between a model and the rules.
COMPARED = ["auroc", "average_precision", "lift_at_5", "recall_at_5", "lift_at_10", "recall_at_10",
            "aum_caught_at_10"]  # fmt: skip
# Customers who left, and who stayed, without whom nothing is fitted: five per estimated number are the least
# that works (Vittinghoff and McCulloch 2007), and even a rate is one.
FEWEST = 5
LEARNT_FROM = [*KEY, *PEER_GROUPS.values(), "booking_days", "days_since_first", "days_since_last"]
Fit = Callable[..., Fitted]  # takes what models.hazard.fit takes
Trained = tuple[Bundle, Matrix, Predicted]  # the last: what it predicts of the rows that evaluated it


def check_settings(settings: Settings) -> None:
    """Raises ConfigError, before any work, for what no feature is named, or LightGBM refuses."""
    columns, training = columns_of(settings), settings.training
    monotone_signs(settings, tuple(columns))
    for rule, (feature, _) in ranking_rules(settings).items():
        if feature not in columns:
            raise ConfigError(
                f"features.windows = {list(settings.features.windows)}: the rule {rule}, with which every "
                f"model is compared, ranks by {feature}. Add its weeks to the windows."
            )
    for chosen, objective in ((training.lightgbm, "binary"), (training.severity, "cross_entropy")):
        parameters(training, chosen, objective)


def ranking_rules(settings: Settings) -> dict[str, tuple[str, int]]:
    """The rules by which a bank could rank, of RULES: by AUM only where it counts money."""
    has_money = settings.counts == "money"
    return {name: rule for name, rule in RULES.items() if has_money or not rule[0].startswith("aum_")}


def plan(settings: Settings, tables: Ingested, as_of: date) -> Split:
    """The Mondays that train, tune and evaluate on ``as_of``; nothing known on or after it is used.

    Raises TooFewMondaysError.
    """
    known = training_mondays(settings, tables, as_of)
    try:
        return split(known, settings.label, settings.training, as_of)
    except TooFewMondaysError:
        if settings.label.definition != "delivered":
            raise
        raise TooFewMondaysError(_too_few_labels(settings, known, as_of)) from None


def training_mondays(settings: Settings, tables: Ingested, as_of: date) -> list[date]:
    """The Mondays after enough history whose outcome was known before ``as_of``."""
    candidates = mondays(first_monday(tables.first_day), as_of)[settings.training.first_after_weeks :]
    return with_outcome(settings, tables, candidates, as_of)


def _too_few_labels(settings: Settings, known: Sequence[date], as_of: date) -> str:
    training, dates = settings.training, ", ".join([*map(str, known[:3]), *["…"] * (len(known) > 3)])
    mondays_known = f"{len(known)} Monday{'s' * (len(known) != 1)}{f' ({dates})' if dates else ''}"
    return (
        f"no model as of {as_of}: the bank's labels are known for {mondays_known}, and a model needs at "
        f"least {dates_needed(known, settings.label, training)}: it learns on some "
        f"({training.min_train_snapshots}), tuned on later ones ({training.tuned_snapshots}) and evaluated "
        f"on still later ones ({training.judged_snapshots}), and the outcomes of each set must be known "
        "before the next one begins. Deliver labels of more dates that lie at least "
        f"{training.first_after_weeks} weeks after the first booking, or lower training.judged_snapshots, "
        "training.tuned_snapshots or training.min_train_snapshots."
    )


def train(bank: Context, chosen: Split, as_of: date, progress: Progress) -> Trained:
    """A bundle trained on the Mondays, written and signed; the rows that evaluated it."""
    bundle, rows, predicted = fit_mondays(bank.settings, bank.home, chosen, as_of, progress)
    write(bundle, bank.home.models, bank.bundle_key)
    return bundle, rows.on(chosen.evaluation), predicted


def fit_mondays(settings: Settings, home: Home, chosen: Split, as_of: date, progress: Progress) -> Trained:
    """A bundle fitted on the partitions of the Mondays, not written; the rows of all of them."""
    learnt = load_learnt(settings, home, chosen)
    rows = load_matrix(home, chosen.mondays, learnt)
    fit_trees: Fit = fit
    if settings.engine.executors > 1:
        from pipeline.training.executors import fit_on_executors  # which loads its rows as this file does

        fit_trees = partial(fit_on_executors, settings, home, chosen, learnt)
    bundle, predicted = fit_bundle(settings, rows, chosen, as_of, progress, fit_trees)
    return replace(bundle, learnt=learnt), rows, predicted


def fit_bundle(
    settings: Settings, rows: Matrix, chosen: Split, as_of: date, progress: Progress, fit_trees: Fit = fit
) -> tuple[Bundle, Predicted]:
    """A bundle fitted on ``train``, stopped and calibrated on ``tune``; what it predicts of ``evaluation``.

    ``rows`` hold the Mondays of ``chosen`` and no others; nothing known from ``as_of`` on is used. The bundle
    holds nothing ``learnt`` yet.
    """
    trained, tuned, evaluated = (rows.on(days) for days in (chosen.train, chosen.tune, chosen.evaluation))
    _check_outcomes(settings, {"train": trained, "tune": tuned, "evaluate": evaluated})
    refuse_leaks(evaluated, settings.training.max_single_auroc)
    horizons, signs = settings.label.horizons, monotone_signs(settings, rows.columns)
    fitted = fit_trees(trained, tuned, horizons, settings.training, signs, progress)
    raw = fitted.model.raw(tuned.features)
    calibrator = fit_calibrator(raw, tuned.time_to_attrition, horizons)
    severity = fit_severity(trained, tuned, settings.training)
    severity = severity.scaled(tuned, calibrator.risks(raw)[:, -1], present_aum(tuned))
    bundle = Bundle(fitted.model, calibrator, severity, {}, settings_of(settings), fitted.medians)
    predicted = bundle.predict(evaluated)
    figures = evaluation(settings, evaluated, predicted) | _history(fitted, chosen, as_of)
    reference = reference_rows(bundle, evaluated, settings.training.seed)
    return replace(bundle, metrics=figures, reference_rows=reference), predicted


def predicted_by(bundle: Bundle, home: Home, rows: Matrix) -> Predicted:
    """Predictions of another bundle for the same customers and Mondays, by what it has learnt."""
    days = tuple(day.astype(object) for day in np.unique(rows.snapshot_date))
    return bundle.predict(load_matrix(home, days, bundle.learnt))


def evaluation(settings: Settings, evaluated: Matrix, predicted: Predicted) -> dict[str, Any]:
    """The model's metrics out of time, its money and curves, and each rule's metrics on the same rows."""
    tier = np.array([tier.name for tier in settings.tiers])[place(evaluated.aum, settings.tiers)]
    risk = predicted.risks[:, -1]
    rankings = {name: ranking(evaluated, scores) for name, scores in rules(evaluated).items()}
    figures = {
        "model": evaluate(evaluated, predicted.risks, settings.label.horizons),
        "money": money(evaluated, predicted.money, tier),
        "rules": {
            name: {metric: float(value) for metric, value in metrics.items()}
            for name, metrics in rankings.items()
        },
        "mondays": by_snapshot(evaluated, risk),
        "calibration": reliability(evaluated.attrited, risk),
    }
    return figures if settings.counts == "money" else without_money(figures)


def comparison_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """One row per way to rank (the model, each rule), the columns a reader compares."""
    return pd.DataFrame({"model": metrics["model"], **metrics["rules"]}).T.filter(COMPARED)


def _check_outcomes(settings: Settings, sets: Mapping[str, Matrix]) -> None:
    for name, rows in sets.items():
        left, stayed = customers_by_outcome(rows)
        if min(left, stayed) < FEWEST:
            raise DataError(
                f"by [label] definition {settings.label.definition!r} {left:,} customers left within "
                f"{settings.label.horizon_days} days and {stayed:,} stayed on the "
                f"{len(np.unique(rows.snapshot_date))} Mondays that {name}; with fewer than {FEWEST} of "
                f"either nothing can be learnt. `make definitions BANK={settings.bank}` shows what each "
                "definition would find: choose another, widen the cohort, or deliver a longer history."
            )


def refuse_leaks(rows: Matrix, limit: float) -> None:
    """Raises DataError naming every feature that alone has an AUROC above ``limit`` out of time.

    A copy of the label, or a table whose ``known_on`` is earlier than the bank knew, looks like this: an
    honest feature shares the outcome with chance. What chance alone can reach where few left is no leak.
    """
    left, stayed = customers_by_outcome(rows)
    by_chance = chance_auroc(left, stayed, len(rows.columns), limit)
    if by_chance >= 1:
        log.warning(
            "leaks     not looked for: only %d customers left out of time, all of whom an honest feature can "
            "tell by chance",
            left,
        )
    limit = max(limit, by_chance)
    leaks = {name: auroc for name, auroc in single_aurocs(rows).items() if auroc > limit}
    if leaks:
        worst = sorted(leaks, key=lambda name: (-leaks[name], name))
        figures = ", ".join(f"{name} ({leaks[name]:.3f})" for name in worst[:5])
        raise DataError(
            f"{len(leaks)} of {len(rows.columns)} features alone tell who leaves, out of time, better than "
            f"{limit:.3f}, the larger of training.max_single_auroc and of what an honest one reaches by "
            f"chance where {left:,} customers left: {figures}. Look for the outcome in their tables, "
            "or for a known_on earlier than the bank knew; where the feature is honest raise the limit."
        )


def _history(fitted: Fitted, chosen: Split, as_of: date) -> dict[str, Any]:
    sets = {"train": chosen.train, "tune": chosen.tune, "judge": chosen.evaluation}
    return {
        "rounds": fitted.rounds,
        "losses": [round(loss, 6) for loss in fitted.losses],
        "customer_periods": fitted.customer_periods,
        "trained_as_of": str(as_of),
        "snapshots": {name: [str(day) for day in days] for name, days in sets.items()},
    }


def columns_of(settings: Settings) -> dict[str, Entry]:
    """Every column of a model by its name, in order: the features, then what training learns beside them."""
    features = catalogue(settings)
    return features | peer_entries(settings, features) | silence_entry(settings)


def monotone_signs(settings: Settings, columns: Sequence[str]) -> tuple[int, ...]:
    """Per column 1 where more of it may only raise the risk, −1 where less may, else 0; () if none is named.

    Names, patterns and groups of reasons come from ``training.monotone``, the signs from the catalogue.
    Raises ConfigError for a word that is none of these, or names only features that are worrying in no
    direction.
    """
    entries, signs = columns_of(settings), dict[str, int]()
    for word in settings.training.monotone:
        named = [entry for entry in entries.values() if word == entry.group or fnmatchcase(entry.name, word)]
        if not named:
            words = {*entries, *(entry.group for entry in entries.values())}
            raise ConfigError(f"training.monotone: {word!r} names no feature. {did_you_mean(word, words)}")
        worrying = {entry.name: entry.worse for entry in named if entry.worse}
        if not worrying:
            raise ConfigError(
                f"training.monotone: {word!r} names {len(named)} features, none of which is worrying in one "
                "direction only. Leave it out."
            )
        signs |= worrying
    return tuple(signs.get(name, 0) for name in columns) if signs else ()


def load_learnt(settings: Settings, home: Home, chosen: Split) -> Learnt:
    """The means of each tier and branch on the Mondays that train; and the rhythm in which customers book, by
    everybody known on the last Monday before those that evaluate: it needs nobody's outcome."""
    eligible = read_eligible(home, chosen.train, LEARNT_FROM)
    if not len(eligible):
        raise nobody_eligible(home, chosen.train)
    columns = list(settings.training.peers)
    frame = read_partition(home, "features", chosen.train, [*KEY, *columns])
    peers = fit_peers(frame, eligible, columns, settings.peer_groups)
    return Learnt(peers, fit_alive(read_partition(home, "cohort", [chosen.tune[-1]]), settings.label))


def load_matrix(
    home: Home, snapshots: Sequence[date], learnt: Learnt | None = None, folder: Path | None = None
) -> Matrix:
    """Features and outcome of every eligible customer of these Mondays; eligible without outcome is an error.

    The columns of ``learnt`` stand behind the features, as a model with it expects. ``READERS`` Mondays
    are read while the one before is written; all features together lie on disk, in ``folder`` (by default
    the bank's), and are read as they are needed.
    """
    days, learnt = sorted(snapshots), learnt or Learnt()
    names, labelled = feature_names(home, days[0]), list[list[pd.DataFrame]]()
    of_monday = partial(_of_monday, home, learnt, names)

    def features() -> Iterator[NDArray[np.float64]]:
        with ThreadPoolExecutor(READERS) as pool:
            waiting = (pool.submit(of_monday, day) for day in days)
            reading = deque(islice(waiting, READERS))
            while reading:
                values, *known = reading.popleft().result()
                reading.extend(islice(waiting, 1))
                labelled.append(known)
                yield values

    on_disk = to_disk(folder or home.root, features())
    key, labels = (pd.concat(frames, ignore_index=True) for frames in zip(*labelled, strict=True))
    return Matrix.labelled(key, on_disk, [*names, *learnt.names], labels)


def _of_monday(
    home: Home, learnt: Learnt, names: list[str], day: date
) -> tuple[NDArray[np.float64], pd.DataFrame, pd.DataFrame]:
    """Features, key and label of each eligible customer who has one."""
    key, values = read_features(home, day, names, len(learnt.names))
    compared = pd.DataFrame({name: values[:, names.index(name)] for name in learnt.peers.columns}, key.index)
    extended = learnt.extended(compared, read_eligible(home, [day], LEARNT_FROM))
    values[:, len(names) :] = extended[[*learnt.names]]
    check_finite(values, [*names, *learnt.names])
    if not len(key):
        log.warning("snapshots %s is left out: nobody is eligible", day)
    labels = read_partition(home, "labels", [day], [*KEY, *OUTCOME])
    # pandas compares Arrow's texts with a Python object for each; as objects they are hashed.
    eligible, labelled = (frame["customer_id"].astype(object) for frame in (key, labels))
    known = eligible.isin(labelled).to_numpy()
    if not known.all():  # no label was delivered, or the bank took back what could have left
        words = "snapshots %s: %d of %d left out, without a label or with AUM that was corrected to nothing"
        log.warning(words, day, (~known).sum(), len(key))
        key, values = key[known], values[known]
    return values, key, labels[labelled.isin(eligible)]
