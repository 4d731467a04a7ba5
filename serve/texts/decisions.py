"""The decision about a customer in a sentence, for managers: on the list, or why not and until when."""

from datetime import date

from configs.published import Decision, Language, Run
from serve.texts.wording import TEXTS, Wording


def decision_in_words(run: Run, decision: Decision, language: Language) -> str:
    """For example "Not listed: contacted recently; may be called again from 7 Dec 2026."

    A code of another release is shown as it is.
    """
    words, code = Wording(language), f"{decision.decision}.{decision.why}"
    by_risk = f"decision_by_risk.{code}"
    known = by_risk if not run.has_money and by_risk in TEXTS[language] else f"decision.{code}"
    if known not in TEXTS[language]:
        return code
    return words(
        known,
        rank=decision.rank,
        keep=words.amount(decision.expected_value_minor, run.base_currency),
        until=words.day(decision.until) if decision.until else "–",
    )


def household_in_words(run: Run, count: int, keep_minor: int, language: Language) -> str:
    """For example "Household: this call is also about 1 other member (CNY 12,000 to keep)." """
    words = Wording(language)
    if not run.has_money:
        return words("household.concerned.by_risk", count=count)
    return words("household.concerned", count=count, keep=words.amount(keep_minor, run.base_currency))


def until_of(decision: Decision) -> date | None:
    """The first Monday from which nothing keeps a customer off the list; None where no day is known.

    Of a listed customer ``Decision.until`` is about the experiment alone.
    """
    return None if decision.rank else decision.until
