"""A plan of a campaign in a TOML file, and a campaign in words for the terminal."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from configs.campaigns import LEFT_OUT, AudienceRule, Campaign, Plan, Preview
from configs.errors import DataError, did_you_mean

UNMEASURED = "control_share = 0: nobody is kept back, so no effect can be measured"


def read_plan(path: Path) -> Plan:
    """The plan of a file, whose keys are the fields of Plan. Raises DataError with every fault."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Name a file with a plan.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no TOML: {error}.") from None
    try:
        return Plan(**content)
    except ValidationError as error:
        faults = "; ".join(_fault(each) for each in error.errors())
        raise DataError(f"{path}: {faults}{'' if faults.endswith('?') else '.'}") from None


def preview_in_words(plan: Plan, counted: Preview) -> str:
    """Lines on whom a plan would reach, as the service counts it too."""
    lines = [
        f"{plan.title}: fits {counted.fits:,} customers{'' if counted.exact else ' at most'}, "
        f"{counted.free:,} may be contacted: {counted.contacts:,} contacts, about {counted.control:,} kept "
        "back"
    ]
    lines += [f"  left out {count:,}: {LEFT_OUT[why]}" for why, count in counted.left_out.items()]
    return "\n".join([*lines, *([] if plan.measurable else [UNMEASURED])])


def campaign_in_words(campaign: Campaign, monday: date, effect: Mapping[str, Any] | None) -> str:
    """One campaign with its state, whom it reached and what it achieved."""
    plan, state = campaign.plan, campaign.state(monday)
    by = f", approved by {campaign.approved_by}" if campaign.approved_by else ""
    head = (
        f"{campaign.campaign_id} {state}: {plan.title} ({plan.channel}, {plan.starts_on} to {plan.ends_on}), "
        f"by {campaign.author}{by}"
    )
    return "\n".join([head, *(f"  {line}" for line in _achieved(campaign, effect))])


def _achieved(campaign: Campaign, effect: Mapping[str, Any] | None) -> Iterator[str]:
    if campaign.why:
        yield f"{campaign.refused_by or campaign.withdrawn_by}: {campaign.why}"
    if not effect:
        return
    yield (
        f"sent on {campaign.sent_on}: {effect['contacts']:,} contacts, {effect['control']:,} kept back, "
        f"{effect['lasting_control']:,} in the lasting control group"
    )
    if not effect["control"]:
        yield UNMEASURED
        return
    waits = f", the others from {effect['next_outcome']} on" if effect["waiting"] else ""
    yield f"{effect['state']}: {effect['known']:,} outcomes known{waits}"
    if effect["customers"]:
        yield f"customers kept: {_bounds(effect['customers']['kept'], ',.1f')}"
    if effect["net"]:
        currency = effect["currency"]
        yield (
            f"money kept: {_bounds(effect['money']['kept'], ',.0f')} {currency}, cost {effect['cost']:,.0f}, "
            f"net {_bounds(effect['net'], ',.0f')}"
        )


def _bounds(values: tuple[float, float, float], form: str) -> str:
    middle, low, high = (format(value, form) for value in values)
    return f"{middle} [{low}, {high}]"


def _fault(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "the plan"
    if problem["type"] == "extra_forbidden":
        known = [*AudienceRule.model_fields] if len(problem["loc"]) > 1 else [*Plan.model_fields]
        return f"unknown key {where!r}. {did_you_mean(str(problem['loc'][-1]), known)}".rstrip(".")
    if problem["type"] == "missing":
        return f"{where} is missing"
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}".rstrip(".")
    return f"{where}: {problem['msg']}"
