"""The verdict on each figure of a run: passed, alarm, refused, declared late, or overridden; and the sentence
for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from configs.gates import Gates
from pipeline.gates.figures import Figure
from pipeline.gates.limits import Limits, learn
from serve.texts.wording import Wording

# ``alarm`` lets a run through, and says what no rerun would mend.
PASSED, ALARM, REFUSED, LATE, OVERRIDDEN = "passed", "alarm", "refused", "late", "overridden"
_LATE_KINDS = ("lag", "rows", "branches", "files")  # what a source that was declared late is let through

# By gate: the sentence of the figure, and its unit; what to do stands in serve/texts.
_WORDS: dict[str, tuple[str, str]] = {
    "lag": ("the newest day of {table}, {detail}, lies {value} before the Monday", "days"),
    "rows": ("{value} of {table} were first seen in the week before the Monday", "rows"),
    "files": (
        "{value} a week of {table} were loaded from the files of {detail} since the run before",
        "rows",
    ),
    "branches": ("{value} lack nearly all their rows in {table}: {detail}", "branches"),
    "unchanged": ("{value} of the balances valued anew in {table} are those valued before", "share"),
    "rates": ("an exchange rate changed by {value} within the week", "share"),
    "cohort": ("the cohort has {value}", "customers"),
    "entered": ("{value} a week entered the cohort ({detail})", "customers"),
    "left": ("{value} a week left the cohort ({detail})", "customers"),
    "aum": ("the AUM of all customers is {value}", "money"),
    "unexplained": ("bookings leave a change of AUM by {value} unexplained", "share"),
    "moved": ("{value} of AUM rose or fell without a booking", "share"),
    "opted_out": ("{value} of the cohort want no calls", "share"),
    "without_manager": ("{value} of the cohort have no manager", "share"),
    "largest_manager": ("{value} of the cohort have one and the same manager", "share"),
    "calibration": ("{value} left for each customer predicted to leave ({detail})", ""),
    "risk_mean": ("the mean risk is {value}", "share"),
    "risk_spread": ("the standard deviation of the risk is {value}", "share"),
    "high_risk": ("{value} of the cohort are in the high band", "share"),
    "drifted": ("{value} of the features have drifted", "share"),
    "listed": ("{value} are listed", "customers"),
    "managers": ("{value} have a list", "managers"),
}


@dataclass(frozen=True)
class Verdict:
    """One gate of one run. ``learnt`` are the learnt limits, None with too little history; ``why`` the
    sentence."""

    figure: Figure
    learnt: Limits | None
    outcome: str
    why: str = ""

    @property
    def low(self) -> float:
        return max(self.figure.low, self.learnt.low if self.learnt else -inf)

    @property
    def high(self) -> float:
        return min(self.figure.high, self.learnt.high if self.learnt else inf)


def learning(figures: Iterable[Figure]) -> int:
    """The number of figures that may have learnt limits, which share the false refusals of a year."""
    return sum(figure.series is not None for figure in figures)


def evaluate(
    gates: Gates, figures: Sequence[Figure], late: Mapping[str, str], others: int = 0
) -> list[Verdict]:
    """One verdict per figure; ``late`` are the reasons of declared late sources by table.

    The false refusals that a year may bring are shared evenly by all gates of a run (Bonferroni); ``others``
    of them learn and are judged apart.
    """
    false_share = gates.false_refusals_per_year / 52 / max(learning(figures) + others, 1)
    return [_evaluate(gates, figure, late, false_share) for figure in figures]


def _evaluate(gates: Gates, figure: Figure, late: Mapping[str, str], false_share: float) -> Verdict:
    learnt = learn(figure.series, false_share, gates.least_weeks) if figure.series else None
    verdict = Verdict(figure, learnt, PASSED)
    if verdict.low <= figure.value <= verdict.high:
        if not figure.alarm:
            return verdict
        return replace(verdict, outcome=ALARM, why=f"{_finding(figure)}: {figure.alarm}.")
    reason = late.get(figure.table) if figure.kind in _LATE_KINDS else None
    return replace(verdict, outcome=LATE if reason else REFUSED, why=_sentence(verdict))


def _finding(figure: Figure) -> str:
    sentence, unit = _WORDS[figure.kind]
    return sentence.format(table=figure.table, detail=figure.detail, value=_shown(figure.value, unit))


def _sentence(verdict: Verdict) -> str:
    """A sentence of what was found, what is usual, and what to do."""
    figure, learnt = verdict.figure, verdict.learnt
    _, unit = _WORDS[figure.kind]
    remedy = Wording("en")(f"gate_remedy.{figure.kind}", table=figure.table)
    broken = figure.low <= figure.value <= figure.high
    if learnt and broken:
        limits = f"{_range(learnt.low, learnt.high, unit)} is usual (learnt from {learnt.weeks} weeks)"
    else:
        limits = f"{_range(figure.low, figure.high, unit)} is the limit"
    return f"{_finding(figure)}; {limits}: {remedy}."


def _range(low: float, high: float, unit: str) -> str:
    if not isfinite(low) or (low <= 0 and unit in ("days", "rows", "branches")):
        return f"at most {_shown(high, unit)}"
    return f"{_shown(low, '')} to {_shown(high, unit)}" if isfinite(high) else f"at least {_shown(low, unit)}"


def _shown(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.2f} %"
    if unit == "money":
        return f"{value:,.0f}"
    number = f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"
    singular = "branch" if unit == "branches" else unit.removesuffix("s")
    return f"{number} {singular if value == 1 else unit}".strip()
