"""The form of a new campaign: its fields as typed in the address, so that a preview needs no script."""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from configs.campaigns import LARGEST, LONGEST_CAMPAIGN, MOST_CONTROL, Plan
from configs.dates import WEEK
from configs.list_settings import CHANNELS
from configs.published import AHEAD_DAYS, STAGES, Run
from configs.reason_groups import GROUPS
from configs.segments import LEVELS
from configs.tables import PRODUCT_CLASSES
from serve.store.branch_summary import branches
from serve.store.campaigns import AHEAD
from serve.store.read_session import ReadSession
from serve.store.scope import Reach
from serve.texts.service import segment_in_words, tier_in_words
from serve.texts.wording import Wording

CHOICES = ("segments", "tiers", "stages", "reasons", "risk_bands", "product_gaps", "branches")
BOUNDS = ("maturing_days", "least_aum", "least_money_at_risk")
OF_MONEY = ("tiers", "product_gaps", "maturing_days", "least_aum", "least_money_at_risk")
OF_PLAN = ("title", "size", "channel", "starts_on", "ends_on", "control_share")
SIZE, WEEKS, CONTROL_PERCENT = 100, 4, 20  # that the empty form proposes
_KEY = re.compile(r"[\w-]{16,64}")


@dataclass(frozen=True)
class CampaignForm:
    """The fields as typed, a sentence by field for what is wrong, and the plan where nothing is.

    ``key`` says that it is proposed once, however often the button is pressed.
    """

    values: Mapping[str, Sequence[str]]
    faults: Mapping[str, str]
    plan: Plan | None
    key: str

    def value(self, name: str) -> str:
        return next(iter(self.values.get(name, ())), "")


def blank(run: Run) -> CampaignForm:
    """The proposal of the form: to begin on the next Monday, for four weeks."""
    start = run.snapshot_date + WEEK
    values = {
        "size": str(SIZE),
        "channel": CHANNELS[0],
        "starts_on": str(start),
        "ends_on": str(start + WEEKS * WEEK),
        "control_share": str(CONTROL_PERCENT),
    }
    return CampaignForm({name: [value] for name, value in values.items()}, {}, None, "")


def typed(query: QueryParams, words: Wording) -> CampaignForm:
    """The form as its address carries it."""
    values = {name: query.getlist(name) for name in (*CHOICES, *BOUNDS, *OF_PLAN) if query.get(name)}
    try:
        plan, faults = Plan.model_validate(_raw(values)), {}
    except ValidationError as error:
        plan, faults = None, dict(_faults(error, words))
    return CampaignForm(values, faults, plan, secrets.token_urlsafe(16))


def sent(plan: Plan, key: str) -> CampaignForm:
    """The form that a plan was proposed by. Raises ValueError for a key that no form has."""
    if not _KEY.fullmatch(key):
        raise ValueError("no key of a form")
    fields = plan.model_dump(mode="json")
    rule = {name: value for name, value in fields.pop("rule").items() if value}
    fields["control_share"] = f"{100 * plan.control_share:g}"
    values = {
        name: list(value) if name in CHOICES else [str(value)] for name, value in (rule | fields).items()
    }
    return CampaignForm(values, {}, plan, key)


def fault(field: str, words: Wording) -> tuple[str, str]:
    """A field of a plan that is refused, and what it must be."""
    name = field.partition(".")[2] if field.startswith("rule.") else field
    place = name if name in (*OF_PLAN, *BOUNDS) else "rule"
    bounds = {
        "most": words.count(LARGEST),
        "percent": f"{100 * MOST_CONTROL:.0f}",
        "weeks": LONGEST_CAMPAIGN.days // 7,
        "ahead": AHEAD.days // 7,
        "days": AHEAD_DAYS,
    }
    return place, words(f"campaign.fault.{place}", **bounds)


def choices(session: ReadSession, words: Wording) -> dict[str, list[tuple[str, str]]]:
    """The names to choose from, by the field of the rule: what the run knows, within reach."""
    terms = session.list_terms()
    tiers, segments = (terms.tiers, terms.segments) if terms else ({}, {})
    named = {
        "risk_bands": [(name, words.term("band", name)) for name in LEVELS],
        "segments": [(name, segment_in_words(words, terms, name)) for name in segments],
        "stages": [(name, words.term("stage", name)) for name in STAGES],
        "tiers": [(name, tier_in_words(words, terms, name)) for name in tiers],
        "reasons": [(name, words.group(name)) for name in GROUPS],
        "product_gaps": [(name, words.term("class", name)) for name in PRODUCT_CLASSES if name != "loan"],
        "branches": _branches(session),
    }
    hidden = () if session.run.has_money else OF_MONEY
    return {name: options for name, options in named.items() if options and name not in hidden}


def _branches(session: ReadSession) -> list[tuple[str, str]]:
    """A branch head's campaigns are of the own branch, without a choice."""
    if session.scope.reach is not Reach.ALL:
        return []
    known = sorted(summary.branch_id for summary in branches(session) if summary.branch_id)
    return [(branch, branch) for branch in known]


def _raw(values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The fields of a Plan; what is no number stays as it was typed, and is refused by name."""
    single = {name: value[-1].strip() for name, value in values.items() if name not in CHOICES}
    numbers = {"size": int, "maturing_days": int, "least_aum": float, "least_money_at_risk": float}
    fields: dict[str, Any] = single | {
        name: _number(single[name], kind) for name, kind in numbers.items() if name in single
    }
    share = _number(single.get("control_share", ""), float)
    fields["control_share"] = share / 100 if isinstance(share, float) else share
    rule = {name: fields.pop(name) for name in BOUNDS if name in fields}
    rule |= {name: tuple(dict.fromkeys(values[name])) for name in CHOICES if name in values}
    return fields | {"rule": rule}


def _number(text: str, kind: type[int] | type[float]) -> float | str:
    try:
        return kind(text.replace(",", ""))
    except ValueError:
        return text


def _faults(error: ValidationError, words: Wording) -> Iterator[tuple[str, str]]:
    """One sentence per field. What is wrong with the plan as a whole is its title or its period."""
    for entry in error.errors(include_input=False, include_url=False):
        place = ".".join(str(part) for part in entry["loc"][:2] if isinstance(part, str))
        whole = "title" if "title" in entry["msg"] else "ends_on"
        yield fault(place or whole, words)
