"""Content ``satisfaction``: what questionnaires say of a branch or the bank, and what goes with leaving.

Means are of the newest waves, weighted so that those who answered resemble the cohort. Figures of fewer
customers than ``figures.least_customers`` are None. Intervals hold 95%; ``p`` are probabilities of error.
"""

from dataclasses import dataclass

CERTAIN = 0.05  # probability of error below which a difference is said to be one


@dataclass(frozen=True)
class AnsweringGroup:
    """How many of a group answered, all waves added up."""

    dimension: str  # tier, lifecycle_stage or age_band
    group: str
    cohort: int
    respondents: int
    share: float | None
    weight: float | None  # mean weight of those who answered: above 1, they are too few


@dataclass(frozen=True)
class ItemFigures:
    """One item about a factor."""

    item: str
    factor: str
    reversed: bool
    respondents: int
    mean: float | None  # turned, if reversed
    item_total: float | None  # correlation with the other items of the factor
    alpha_without: float | None  # Cronbach's alpha of the factor without it
    against: bool  # it runs against the others: perhaps reversed, and not said to be


@dataclass(frozen=True)
class Importance:
    """What a factor explains, as a share of all that the factors explain, and its effect per step.

    A step is one standard deviation of satisfaction with the factor, the others held.
    """

    share: float
    low: float
    high: float
    step: float
    step_low: float
    step_high: float
    clear: bool  # the effect differs from none, with all factors compared at once


@dataclass(frozen=True)
class FactorFigures:
    """One factor: its level here, against the rest of the bank and the wave before, and what hangs on it."""

    factor: str
    en: str
    zh: str
    respondents: int
    mean: float | None
    low: float | None
    high: float | None
    gap: float | None  # to the rest of the bank; None for the bank itself
    gap_p: float | None  # with all branches and factors compared at once
    change: float | None  # from the wave before the newest
    change_p: float | None
    field: str  # of importance and performance: improve, keep, enough, later; empty where either is unknown
    alpha: float | None
    alpha_low: float | None
    alpha_high: float | None
    stated: float | None  # how important customers say it is, mean
    derived: Importance | None  # for overall satisfaction, in the whole bank
    outflow: Importance | None  # for leaving in the quarter after the answer, in the whole bank
    left_of_low: float | None  # share that left of the third least satisfied with it
    left_of_high: float | None  # and of the third most satisfied


@dataclass(frozen=True)
class Model:
    """A regression on the factors, of the whole bank."""

    respondents: int
    events: int  # customers who left; 0 of satisfaction
    r2: float
    p: float


@dataclass(frozen=True)
class FactorLoadings:
    """What factor analysis finds in the items, in the whole bank."""

    respondents: int
    kmo: float
    kmo_of_pairs: float
    chi2: float
    degrees: int
    p: float
    suggested: int  # factors by parallel analysis
    mapped: int  # factors of the bank's map
    as_mapped: bool  # rotated factors group the items as the map does
    loadings: tuple[tuple[float, ...], ...]  # per item of ``items``


@dataclass(frozen=True)
class WaveFigures:
    """One wave, the oldest first."""

    wave: str
    cohort: int
    respondents: int
    overall: float | None
    low: float | None
    high: float | None
    means: tuple[float | None, ...]  # by factor


@dataclass(frozen=True)
class Message:
    """One sentence for a reader in a hurry, by its code; ``factor`` is empty where it is about none."""

    code: str  # few, below, level, driver, outflow, no_outflow
    factor: str


@dataclass(frozen=True)
class Satisfaction:
    """Satisfaction of a branch's customers, or of the bank's."""

    snapshot_date: str
    since: str
    lowest: int
    highest: int
    cohort: int  # all waves added up
    respondents: int
    share: float | None
    effective_n: float
    messages: tuple[Message, ...]
    overall: float | None
    overall_low: float | None
    overall_high: float | None
    bank_level: float | None  # mean level of all factors in the whole bank: where performance is good
    factors: tuple[FactorFigures, ...]
    groups: tuple[AnsweringGroup, ...]
    items: tuple[ItemFigures, ...]
    trend: tuple[WaveFigures, ...]
    structure: FactorLoadings | None
    derived: Model | None
    outflow: Model | None
