"""The decision about a customer in a sentence, for managers: on the list, or why not and until when."""

from datetime import date

from configs.call_lists import ListTerms
from configs.published import Decision, Language, Run
from configs.response import parts_of
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
        contact=words.term("channel_contact", decision.channel or "phone"),
        keep=words.amount(decision.expected_value_minor, run.base_currency),
        until=words.day(decision.until) if decision.until else "–",
    )


def channel_in_words(terms: ListTerms | None, decision: Decision, language: Language) -> str:
    """The channel of who is listed, for example "Visit, by the branch head"; empty for others."""
    if not (decision.rank and decision.channel):
        return ""
    words, made_by = Wording(language), terms.made_by.get(decision.channel) if terms else None
    channel = words.term("channel", decision.channel)
    return words("policy.by_branch_head", channel=channel) if made_by == "branch_head" else channel


def rests_on_in_words(decision: Decision, language: Language) -> str:
    """For example "Our own outcomes of 214 customers with this reason"; empty where nothing is expected."""
    if not decision.rests_on:
        return ""
    words, (level, count) = Wording(language), parts_of(decision.rests_on)
    return words(f"policy.rests_on.{level}", count=words.count(count))


def evidence_in_short(decision: Decision, language: Language) -> str:
    """The same in two words, for example "214 outcomes"."""
    if not decision.rests_on:
        return ""
    words, (level, count) = Wording(language), parts_of(decision.rests_on)
    return (
        words("policy.short.setting")
        if level == "setting"
        else words("policy.short.learnt", count=words.count(count))
    )


def how_in_words(terms: ListTerms, decision: Decision) -> str:
    """The channel, and below it what the money to keep rests on; in the language of the terms."""
    language = terms.language
    lines = channel_in_words(terms, decision, language), rests_on_in_words(decision, language)
    return "\n".join(line for line in lines if line)


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
