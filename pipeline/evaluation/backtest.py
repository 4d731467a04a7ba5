"""Rolling origins: at each of several past Mondays a model as it would have been trained then, its
predictions on its own evaluated Mondays, and what was observed on the Mondays after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from configs.dates import WEEK
from configs.errors import DataError
from configs.settings import Label, Settings
from models.baselines import fit_logistic, logistic_scores, rules
from models.bundle import Bundle
from models.matrix import Matrix
from models.metrics import expected_calibration_error
from pipeline.artefacts import write_json, write_text
from pipeline.context import Context
from pipeline.evaluation.figures import Evaluated, Scores, figures, in_groups, pooled
from pipeline.evaluation.page import Figures, lines, page
from pipeline.evaluation.research import build_history
from pipeline.progress import progress_bar, step
from pipeline.snapshots.labelled import with_outcome
from pipeline.tables import Ingested
from pipeline.training.train import fit_mondays, load_matrix, plan, predicted_by

Truth = Callable[[Matrix], Scores]


@dataclass(frozen=True)
class Backtest:
    """Inputs that all origins share: the tables, the last known day, true probabilities where known."""

    context: Context
    tables: Ingested
    as_of: date
    truth: Truth | None

    def run(
        self, origin: date, later: tuple[date, ...], previous: Bundle | None
    ) -> tuple[Bundle, dict[str, Any], Evaluated]:
        """Train with what was known on the origin; evaluate on ``later`` Mondays by what is known today.

        The model of the origin before, as a bank that does not train again would use it, is a way to rank.
        """
        settings, home = self.context.settings, self.context.home
        split = plan(settings, self.tables, origin)
        build_history(self.context, self.tables, (*split.train, *split.tune, *split.evaluation), origin)
        rounds = settings.training.rounds
        with progress_bar("training") as on_round:
            trained = fit_mondays(settings, home, split, origin, lambda done, _: on_round(done, rounds))
        bundle, rows, predicted = trained
        bare = rows.on(split.evaluation).only([])
        expected = figures(settings, in_groups(self.context, self.tables, bare, predicted, {}))
        logistic = fit_logistic(rows.on(split.train))
        del rows  # before the next features are written
        build_history(self.context, self.tables, later, self.as_of)
        rows = load_matrix(home, later, bundle.learnt)
        others = rules(rows) | {"logistic": logistic_scores(logistic, rows.features)}
        if previous is not None:
            others["previous champion"] = predicted_by(previous, home, rows).risks[:, -1]
        if self.truth is not None:
            others["truth"] = self.truth(rows)
        predicted = bundle.predict(rows)
        observed = in_groups(self.context, self.tables, rows.only([]), predicted, others)
        entry = {
            "origin": str(origin),
            "model_id": bundle.model_id,
            "snapshots": bundle.metrics["snapshots"] | {"later": [str(day) for day in later]},
            "predicted": expected,
            "observed": observed_figures(settings, observed),
        }
        return bundle, entry, observed


def run_backtest(
    context: Context, tables: Ingested, as_of: date, count: int, weeks_apart: int, truth: Truth | None = None
) -> dict[str, Any]:
    """One entry per origin, the earliest first, and why others have none; written to ``backtest.json`` and
    as a page to ``backtest.html``.

    From the second origin on the model of the one before, the ``previous champion``, is one of the ways to
    rank. ``truth`` gives the true probability where it is known (the made-up bank), NaN elsewhere.
    ``together`` holds what was observed after all origins as one. An origin on which nothing could be trained
    is ``refused`` with the reason; DataError when every one is.
    """
    settings, backtest = context.settings, Backtest(context, tables, as_of, truth)
    entries, observed, refused = list[dict[str, Any]](), list[Evaluated](), dict[str, str]()
    previous: Bundle | None = None
    for origin in origins(settings.label, as_of, count, weeks_apart):
        try:
            with step("origin") as counts:
                weeks = [origin + week * WEEK for week in range(weeks_apart)]
                later = tuple(with_outcome(settings, tables, weeks, as_of))
                if not later:
                    raise DataError(f"no label from {weeks[0]} to {weeks[-1]} is known by {as_of}")
                previous, entry, evaluated = backtest.run(origin, later, previous)
                entries.append(entry)
                observed.append(evaluated)
                counts |= {"day": origin, "model": previous.model_id}
        except DataError as error:
            refused[str(origin)] = str(error)
    if not entries:
        last = max(refused)
        raise DataError(f"no model could be trained on any of {', '.join(refused)}. {last}: {refused[last]}")
    result = {
        "bank": settings.bank,
        "as_of": str(as_of),
        "every_weeks": weeks_apart,
        "refused": refused,
        "origins": entries,
        "together": observed_figures(settings, pooled(observed)),
    }
    write_json(context.home.root / "backtest.json", result)
    write_text(context.home.root / "backtest.html", backtest_page(settings, result))
    return result


def origins(label: Label, as_of: date, count: int, weeks_apart: int) -> tuple[date, ...]:
    """``count`` Mondays, ``weeks_apart`` weeks apart, the earliest first.

    The last is the latest Monday of which all ``weeks_apart`` Mondays from itself on have matured by
    ``as_of``: with lead 7, horizon 90 and 13 weeks on 2026-11-16 that is 2026-05-18, for 2026-08-10 is the
    last matured.
    """
    closes = label.timeline(as_of).outcome_end - as_of
    last = as_of - (-(-closes.days // 7) + weeks_apart - 1) * WEEK
    return tuple(last - number * weeks_apart * WEEK for number in reversed(range(count)))


def observed_figures(settings: Settings, observed: Evaluated) -> dict[str, Any]:
    """All figures; where the true probabilities are known also ``gap_to_truth``.

    That is their mean distance from the predicted ones over tenths of ascending risk, which no chance of who
    left and who stayed blurs.
    """
    result, truth = figures(settings, observed), observed.others.get("truth")
    if truth is not None:
        known, risk = ~np.isnan(truth), observed.predicted.risks[:, -1]
        result["gap_to_truth"] = expected_calibration_error(truth[known], risk[known])
    return result


def backtest_page(settings: Settings, result: Figures) -> str:
    """The whole page as HTML; ``result`` as ``run_backtest`` returns it."""
    points = [
        {
            "origin": origin["origin"],
            "what": word,
            "AUROC": origin[name]["model"]["auroc"],
            "average precision": origin[name]["model"]["average_precision"],
        }
        for origin in result["origins"]
        for name, word in (("predicted", "predicted"), ("observed", "actual"))
    ]
    charts = [lines(points, "origin", metric, "what", metric) for metric in ("AUROC", "average precision")]
    return page("backtest.html", settings, charts=charts, **result)
