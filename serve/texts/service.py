"""Segments, service standards and the contacts that they ask for, in words."""

from collections.abc import Sequence
from datetime import date, timedelta

from configs.call_lists import ListTerms
from configs.published import Language, Score
from configs.segments import LONGEST_OVERDUE, ServiceStandard, standard_of
from serve.texts.wording import Wording


def segment_in_words(words: Wording, terms: ListTerms | None, name: str) -> str:
    """The name that the bank gives a segment; the code where the run does not say it."""
    named = terms.segments.get(name) if terms else None
    return words.either(*named) if named else name


def tier_in_words(words: Wording, terms: ListTerms | None, name: str) -> str:
    """The name of a tier; in Chinese the one that the bank gives it."""
    return Wording(words.language, lambda: terms.tiers if terms else {}).term("tier", name)


def contact_due(words: Wording, terms: ListTerms | None, score: Score, monday: date) -> str:
    """For example "Visit by the branch head: overdue by 14 days"; empty where nothing is due."""
    if terms is None or not terms.standards or score.contact_due_on is None:
        return ""
    standards = [ServiceStandard(**each) for each in terms.standards]
    standard = standards[standard_of(standards, score.segment, score.tier)]
    contact = contact_in_words(words, standard, bool(score.manager_id))
    days = (monday - score.contact_due_on).days
    when = _overdue(words, days) if days > 0 else words("service.by", day=words.day(score.contact_due_on))
    return words("service.when", contact=contact[:1].upper() + contact[1:], when=when)


def step_and_contact_due(
    step: str, standards: Sequence[ServiceStandard], score: Score, monday: date, language: Language
) -> str:
    """A next step, and after it the contact that is due to the customer by the end of the week.

    The step alone where none is, and where the standard asks for no channel and for nobody in particular.
    """
    standard, due = standards[standard_of(standards, score.segment, score.tier)], score.contact_due_on
    particular = standard.channels or (standard.who != "anybody" and score.manager_id)
    if due is None or due >= monday + timedelta(weeks=1) or not particular:
        return step
    words, days = Wording(language), (monday - due).days
    when = _overdue(words, days) if days > 0 else words("service.this_week")
    contact = contact_in_words(words, standard, bool(score.manager_id))
    step = step.rstrip(".。")
    return words("service.after", step=step, contact=contact, when=when[:1].upper() + when[1:])


def contact_in_words(words: Wording, standard: ServiceStandard, managed: bool) -> str:
    """The contact that a standard asks for; of a customer in nobody's charge no manager does it."""
    channels = words("service.or").join(words.term("service.channel", name) for name in standard.channels)
    who = "anybody" if standard.who == "manager" and not managed else standard.who
    return words(f"service.contact.{who}", channels=channels or words("service.channel.any"))


def _overdue(words: Wording, days: int) -> str:
    if days >= LONGEST_OVERDUE:
        return words("service.overdue.year")
    return words("service.overdue.day") if days == 1 else words("service.overdue", days=days)
