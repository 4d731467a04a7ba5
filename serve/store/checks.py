"""The checks of a run before it is published; every fault is a DataError and nothing is written."""

from collections import Counter
from collections.abc import Sequence
from math import isfinite

from configs.call_lists import CallList
from configs.codes import DECISIONS, EXCLUSION_CODES
from configs.errors import DataError, did_you_mean
from configs.published import Exclusion, Run, Score

BANDS = ("high", "medium", "low")


def check(
    run: Run, scores: Sequence[Score], exclusions: Sequence[Exclusion], lists: Sequence[CallList]
) -> None:
    """Raises DataError unless the counts add up, every customer stands once and every value is in range."""
    _check_counts(run, scores, exclusions)
    _check_customers(run, scores, exclusions)
    for score in scores:
        _check_score(run, score)
    _check_decisions(run, scores, lists)
    _check_lists(run, lists)


def _check_counts(run: Run, scores: Sequence[Score], exclusions: Sequence[Exclusion]) -> None:
    codes = Counter(exclusion.code for exclusion in exclusions)
    for code in codes:
        if code not in EXCLUSION_CODES:
            raise DataError(
                f"{run.run_id}: unknown exclusion code {code!r}. {did_you_mean(code, EXCLUSION_CODES)}"
            )
    declared = {code: count for code, count in run.excluded.items() if count}
    if len(scores) != run.cohort or codes != declared:
        raise DataError(
            f"{run.run_id}: the run declares a cohort of {run.cohort} and exclusions {declared}, but brings "
            f"{len(scores)} scores and exclusions {dict(codes)}. Score each cohort customer once and exclude "
            "every other one with a code."
        )


def _check_customers(run: Run, scores: Sequence[Score], exclusions: Sequence[Exclusion]) -> None:
    """The message gives counts and never an id: it may end up in a log."""
    seen = Counter(score.customer_id for score in scores)
    seen.update(exclusion.customer_id for exclusion in exclusions)
    twice = sum(count > 1 for count in seen.values())
    if twice or "" in seen:
        raise DataError(
            f"{run.run_id}: {twice} customers stand more than once among scores and exclusions, and "
            f"{seen['']} have no customer_id. Each customer is either scored or excluded, once."
        )


def _check_score(run: Run, score: Score) -> None:
    """NumPy numbers are refused: a database driver may store their bytes instead of their value."""
    money = (score.aum_minor, score.money_at_risk_minor)
    risks = [*score.risks(run.horizon_days).values()]
    if not risks or not all(isinstance(risk, float) and 0 <= risk <= 1 for risk in risks):
        raise DataError(
            f"{run.run_id}: a risk must be a float in [0, 1], at least one known; found {risks!r}."
        )
    if not all(type(amount) is int for amount in money) or score.money_at_risk_minor < 0:
        raise DataError(
            f"{run.run_id}: AUM and money at risk must be whole minor units as int, the second at least 0; "
            f"found {money!r}."
        )
    change = score.risk_change
    if change is not None and not (isinstance(change, float) and -1 <= change <= 1):
        raise DataError(f"{run.run_id}: risk_change must be a float in [-1, 1] or None; found {change!r}.")
    if score.risk_band not in BANDS:
        raise DataError(f"{run.run_id}: risk_band {score.risk_band!r} is not one of {', '.join(BANDS)}.")
    numbers = [number for reason in score.reasons for number in (reason.value, reason.contribution)]
    if not all(number is None or (isinstance(number, float) and isfinite(number)) for number in numbers):
        raise DataError(
            f"{run.run_id}: the numbers of a reason must be floats and finite, and None where a feature is "
            f"not known; found {numbers!r}."
        )


def _check_decisions(run: Run, scores: Sequence[Score], lists: Sequence[CallList]) -> None:
    """The message gives counts and never an id."""
    decisions = [decision for call_list in lists for decision in call_list.decisions]
    decided = Counter(decision.customer_id for decision in decisions)
    scored = {score.customer_id for score in scores}
    if decided.keys() != scored or decided.total() != len(scored):
        raise DataError(
            f"{run.run_id}: {len(scored)} customers are scored, {len(scored & decided.keys())} of them and "
            f"{len(decided.keys() - scored)} others have a decision, {decided.total()} decisions in all. "
            "Choose lists by pipeline.lists.decisions.choose."
        )
    codes = {(code, why) for code, reasons in DECISIONS.items() for why in reasons}
    unknown = {(decision.decision, decision.why) for decision in decisions} - codes
    if unknown:
        raise DataError(
            f"{run.run_id}: unknown decisions {sorted(unknown)}. Those known stand in configs/published.py."
        )


def _check_lists(run: Run, lists: Sequence[CallList]) -> None:
    """A list holds whom its decisions list, once, and nobody who opted out."""
    for call_list in lists:
        ranked = sorted(item.customer_id for item in call_list.decisions if item.rank is not None)
        if ranked != sorted(score.customer_id for score in call_list.listed):
            raise DataError(
                f"{run.run_id}: the list of branch {call_list.branch_id!r} and the decisions about its "
                "customers differ. Choose lists by pipeline.lists.decisions.choose."
            )
        if any(score.marketing_opt_out for score in call_list.listed):
            raise DataError(
                f"{run.run_id}: the list of branch {call_list.branch_id!r} holds customers who opted out. "
                "Choose lists by pipeline.lists.decisions.choose."
            )
