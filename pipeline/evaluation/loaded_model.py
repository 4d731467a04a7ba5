"""A trained model for a notebook: predictions and reasons as pandas frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from configs.bank_folder import load_settings
from configs.errors import DataError, did_you_mean
from configs.published import Reason, risk_name
from models.bundle import Bundle, load
from models.matrix import KEY
from models.severity import money_at_risk
from pipeline.context import Context
from pipeline.scoring.profiles import maturities
from pipeline.scoring.reasons import due_figures, facts_about, reasons_in_words, words_of
from pipeline.snapshots.build import read_eligible
from pipeline.training.promotion import champion

OF_A_REASON = ("group", "feature", "value", "contribution", "text_en", "text_zh")


@dataclass(frozen=True)
class LoadedModel:
    """A verified bundle of one bank.

    ``features`` are rows of ``pipeline.dataset``: all of them, some, or with figures changed by hand. What
    else they hold is not looked at. Raises DataError where a feature of the model is missing, and for
    customers who were not in the cohort of their Monday.
    """

    context: Context
    bundle: Bundle

    @property
    def model_id(self) -> str:
        return self.bundle.model_id

    @property
    def columns(self) -> tuple[str, ...]:
        """The features that the model asks for; ``pipeline.dataset`` has them all."""
        learnt = self.bundle.learnt.names
        return tuple(name for name in self.bundle.model.columns if name not in learnt)

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Keys, calibrated risks by horizon and, where the bank counts money, ``money_at_risk``.

        One row per row of ``features``, under its index.
        """
        parts = []
        for _, index, rows, cohort in self._mondays(features):
            scored = self.bundle.score(self.bundle.learnt.extended(rows, cohort))
            names = [risk_name(days) for days in self.bundle.model.horizons]
            part = rows[list(KEY)].assign(**dict(zip(names, scored.risks.T, strict=True)))
            if self.context.settings.counts == "money":
                base, present = cohort["aum_base"].to_numpy(), cohort["aum"].to_numpy()
                part["money_at_risk"] = money_at_risk(scored.risks[:, -1], scored.share, base, present)
            parts.append(part.set_axis(index))
        return pd.concat(parts).loc[features.index]

    def reasons(self, features: pd.DataFrame, most: int = 3) -> pd.DataFrame:
        """One row per reason: keys, rank (from 1), group, feature, value, contribution, texts.

        ``contribution`` is what the reason's columns add to the mean log-odds over the horizons.
        """
        lines = [
            (customer, monday, rank, *(getattr(reason, name) for name in OF_A_REASON))
            for monday, _, rows, cohort in self._mondays(features)
            for customer, reasons in self._reasons(monday, rows, cohort, most)
            for rank, reason in enumerate(reasons, start=1)
        ]
        return pd.DataFrame(lines, columns=[*KEY, "rank", *OF_A_REASON])

    def _reasons(
        self, monday: date, rows: pd.DataFrame, cohort: pd.DataFrame, most: int
    ) -> Iterator[tuple[str, tuple[Reason, ...]]]:
        bundle, customers = self.bundle, list(rows["customer_id"])
        frame = bundle.learnt.extended(rows, cohort)
        scored = bundle.score(frame)
        due = due_figures(maturities(self.context.tables, monday, customers), customers, monday)
        values = frame[list(bundle.model.columns)].to_numpy(np.float64)
        about = facts_about(words_of(self.context.settings, bundle), values, due)
        return zip(customers, reasons_in_words(about, scored.contributions.values, monday, most), strict=True)

    def _mondays(self, features: pd.DataFrame) -> Iterator[tuple[date, pd.Index, pd.DataFrame, pd.DataFrame]]:
        """Each Monday, the index of its rows, these in columns that the model asks for, and the cohort's."""
        wanted = [*KEY, *self.columns]
        missing = [name for name in wanted if name not in features.columns]
        if missing:
            raise DataError(
                f"the frame lacks {', '.join(missing[:5])}, of {len(missing)} columns that model "
                f"{self.model_id} asks for. Take the rows of pipeline.dataset."
            )
        if features.empty:
            raise DataError("the frame has no rows. Choose Mondays that pipeline.dataset has given.")
        for monday in sorted(set(features["snapshot_date"])):
            rows = features.loc[features["snapshot_date"] == monday, wanted]
            cohort = read_eligible(self.context.home, [monday]).set_index("customer_id")
            strangers = sorted(set(rows["customer_id"]) - set(cohort.index))
            if strangers:
                raise DataError(
                    f"{len(strangers)} customers were not in the cohort of {monday}, for example "
                    f"{strangers[0]!r}. Take the rows of pipeline.dataset."
                )
            yield (
                monday,
                rows.index,
                rows.reset_index(drop=True),
                cohort.loc[rows["customer_id"]].reset_index(),
            )


def load_model(bank: str, model_id: str = "", data: Path | str = "data") -> LoadedModel:
    """The bank's champion, or the model of this id, after its signature and every file were verified.

    Raises DataError for a bank without a champion, an unknown id, and a bundle that was changed.
    """
    context = Context(load_settings(bank), Path(data))
    if not model_id:
        bundle = champion(context)
        if bundle is None:
            raise DataError(f"bank {bank!r} has no champion. Train a model first: make train BANK={bank}.")
        return LoadedModel(context, bundle)
    folder = context.home.models
    ids = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if model_id not in ids:
        raise DataError(f"there is no model {model_id!r} in {folder}. {did_you_mean(model_id, ids)}")
    return LoadedModel(context, load(folder / model_id, context.bundle_key))
