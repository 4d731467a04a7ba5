"""The customers whom a campaign's rule fits in a run, and which of them get nothing all the same, and why."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select

from configs.campaigns import AudienceRule, Plan, Preview
from configs.published import Profile
from serve.store import tables
from serve.store.read_session import LONGEST, ReadSession, same_customer

PROFILES = 10_000  # of customers whose gaps and maturities are looked at for one preview; a second or so
# Names of a rule by which somebody may know a customer, by column.
KNOWN_BY = {"segments": "segment", "tiers": "tier", "stages": "lifecycle_stage", "branches": "branch_id"}
LEAD = 7  # days, of a run that was published without the terms of its lists


@dataclass(frozen=True)
class AudienceRow:
    """One row per customer whom a rule fits; ``why`` is a key of LEFT_OUT, None for who may be contacted.

    Money is in minor units; ``reason_group`` is of the first reason, empty without one.
    """

    customer_id: str
    household_id: str | None
    branch_id: str | None
    manager_id: str | None
    tier: str
    lifecycle_stage: str
    risk_band: str
    money_at_risk_minor: int
    reason_group: str
    risk: float
    expected_value_minor: int
    why: str | None


def preview(session: ReadSession, plan: Plan) -> Preview:
    """Counts whom a plan would reach if it were sent now, as far as a store that knows no salt can say."""
    rule = _of_many(session, plan.rule)
    if rule is None:
        return Preview(0, {}, 0, 0, 0, 0, True)
    fitting = _fitting(session, rule).order_by(None).subquery()
    exact, by_why = True, Counter[str | None]()
    if rule.of_profiles:
        count = session.connection.scalar(select(func.count()).select_from(fitting)) or 0
        exact = count <= PROFILES
    if rule.of_profiles and exact:
        rows = list(audience(session, rule))
        by_why = Counter(row.why for row in rows)
        free = [row for row in rows if row.why is None]
        homes = len({row.household_id or f"\0{row.customer_id}" for row in free})
        money = sum(row.money_at_risk_minor for row in free)
    else:
        counted = select(
            fitting.c.why,
            func.count().label("customers"),
            func.count(fitting.c.household_id).label("in_households"),
            func.count(fitting.c.household_id.distinct()).label("households"),
            func.sum(fitting.c.money_at_risk_minor).label("money"),
        ).group_by(fitting.c.why)
        homes = money = 0
        for row in session.connection.execute(counted):
            by_why[row.why] = row.customers
            if row.why is None:
                homes = row.customers - row.in_households + row.households
                money = int(row.money)
    # What follows is made of rounded counts, so that size and share of a plan tell no exact one.
    rounding, fits = session.rounding, by_why.total()
    money, homes = int(rounding.amount(money, homes)), rounding.count(homes)
    by_why = Counter({why: rounding.count(count) for why, count in by_why.items()})
    left_out = {why: count for why, count in by_why.items() if why and count}
    if by_why[None] > homes:
        left_out["household"] = by_why[None] - homes
    contacts = min(plan.size, round(homes * (1 - plan.control_share)))
    control = homes - contacts  # everybody who is not contacted, unless there are more than the size takes
    if contacts == plan.size:
        control = min(control, round(contacts * plan.control_share / (1 - plan.control_share)))
    if contacts == plan.size and homes > contacts + control:
        left_out["beyond_size"] = homes - contacts - control
    return Preview(rounding.count(fits), left_out, homes, contacts, control, money, exact)


def _of_many(session: ReadSession, rule: AudienceRule) -> AudienceRule | None:
    """The rule without names of too few customers to be counted for this reader; None where nobody is left.

    Added to names at whose count rounding moves, one customer's branch or tier would show by a step whether
    the customer meets the other conditions. So a name counts with ``least`` customers who have the rule's
    other names too, and names leave out ``least`` customers or nobody. It decides by what customers
    are known by, never by what the rule asks of them.
    """
    least = session.rounding.least
    names = {column: set(getattr(rule, field)) for field, column in KNOWN_BY.items() if getattr(rule, field)}
    if least <= 1 or not names:
        return rule
    scores = tables.scores
    columns = [scores.c[column] for column in names]
    counted = select(func.count(), *columns).where(
        scores.c.run_version == session.run_version, session.scope.of(scores)
    )
    cells = [
        (count, dict(zip(names, cell, strict=True)))
        for count, *cell in session.connection.execute(counted.group_by(*columns))
    ]

    def by_name(of: str) -> Counter[str | None]:
        """Customers by one column, of those who have a name of every other."""
        counts = Counter[str | None]()
        for count, cell in cells:
            if all(cell[other] in names[other] for other in names if other != of):
                counts[cell[of]] += count
        return counts

    def left_out(of: str) -> int:
        return sum(count for name, count in by_name(of).items() if name not in names[of])

    while needless := [of for of in names if left_out(of) < least]:
        del names[needless[0]]
    while small := [(of, name) for of in names for name in names[of] if by_name(of)[name] < least]:
        for of, name in small:
            names[of].discard(name)
        if not all(names.values()):
            return None
    kept = {
        field: tuple(n for n in getattr(rule, field) if n in names.get(column, ()))
        for field, column in KNOWN_BY.items()
    }
    return rule.model_copy(update=kept)


def audience(session: ReadSession, rule: AudienceRule) -> Iterator[AudienceRow]:
    """Everybody within reach whom a rule fits, the most money to keep first."""
    rows = [AudienceRow(*row) for row in session.connection.execute(_fitting(session, rule))]
    if not rule.of_profiles:
        yield from rows
        return
    for start in range(0, len(rows), LONGEST):
        part = rows[start : start + LONGEST]
        profiles = session.profiles([row.customer_id for row in part])
        for row in part:
            profile = profiles.get(row.customer_id)
            if profile and _has(session, rule, profile):
                yield row


def _has(session: ReadSession, rule: AudienceRule, profile: Profile) -> bool:
    """True where a customer has one of the gaps, and something that falls due in time."""
    last = session.run.snapshot_date + timedelta(days=rule.maturing_days or 0)
    gaps = {gap.product_class for gap in profile.gaps}
    return (not rule.product_gaps or not gaps.isdisjoint(rule.product_gaps)) and (
        not rule.maturing_days or any(maturity.matures_on < last for maturity in profile.maturities)
    )


def _fitting(session: ReadSession, rule: AudienceRule) -> Select[Any]:
    """A row of AudienceRow per scored customer who meets the conditions that do not take a profile."""
    scores, decisions, reasons = tables.scores, tables.decisions, tables.reasons
    first = and_(same_customer(reasons, scores), reasons.c.place == 1)
    risk = func.coalesce(*(scores.c[name] for name in ("risk_own", "risk_90d", "risk_60d", "risk_30d")))
    value = func.coalesce(decisions.c.expected_value_minor, 0)
    named = (
        (rule.segments, scores.c.segment),
        (rule.tiers, scores.c.tier),
        (rule.stages, scores.c.lifecycle_stage),
        (rule.risk_bands, scores.c.risk_band),
        (rule.branches, scores.c.branch_id),
    )
    conditions: list[ColumnElement[bool]] = [column.in_(names) for names, column in named if names]
    if rule.reasons:
        shown = reasons.alias("shown")
        of_rule = shown.c.reason_group.in_(rule.reasons)
        conditions.append(exists().where(same_customer(shown, scores), of_rule))
    if rule.least_aum:
        conditions.append(scores.c.aum_minor >= round(100 * rule.least_aum))
    if rule.least_money_at_risk:
        conditions.append(scores.c.money_at_risk_minor >= round(100 * rule.least_money_at_risk))
    of_score = ("customer_id", "household_id", "branch_id", "manager_id", "tier", "lifecycle_stage",
                "risk_band", "money_at_risk_minor")  # fmt: skip
    return (
        select(
            *(scores.c[name] for name in of_score),
            func.coalesce(reasons.c.reason_group, "").label("reason_group"),
            risk.label("risk"),
            value.label("expected_value_minor"),
            _why(session).label("why"),
        )
        .outerjoin(decisions, same_customer(decisions, scores))
        .outerjoin(reasons, first)
        .where(scores.c.run_version == session.run_version, session.scope.of(scores), *conditions)
        .order_by(value.desc(), risk.desc(), scores.c.customer_id)
    )


def _why(session: ReadSession) -> ColumnElement[str | None]:
    """The first reason to leave a customer out, in the order of LEFT_OUT; NULL where there is none."""
    scores, decisions, members = tables.scores, tables.decisions, tables.campaign_members
    assignments, monday = tables.assignments, session.run.snapshot_date
    opted = exists().where(tables.opt_outs.c.customer_id == scores.c.customer_id)
    held = (members.c.arm != "left_out") & (members.c.until > monday)
    in_campaign = select(members.c.customer_id).where(held)
    homes = select(members.c.household_id).where(held, members.c.household_id.is_not(None))
    placed = decisions.alias("placed")
    listed = select(placed.c.customer_id).where(
        placed.c.run_version == session.run_version, placed.c.decision.in_(("listed", "held_out"))
    )
    waiting = select(assignments.c.customer_id).where(
        assignments.c.assigned_on > monday - outcome_time(session), assignments.c.assigned_on <= monday
    )
    return case(
        (scores.c.marketing_opt_out | opted, "opted_out"),
        (_touched(session, in_campaign) | scores.c.household_id.in_(homes), "in_campaign"),
        (decisions.c.decision == "do_not_disturb", "do_not_disturb"),
        (_touched(session, listed), "listed"),
        (decisions.c.decision == "cooled_down", "contacted"),
        (_touched(session, waiting), "in_experiment"),
    )


def outcome_time(session: ReadSession) -> timedelta:
    """From a Monday until its outcome window has closed."""
    terms = session.list_terms()
    return timedelta(days=session.run.horizon_days + (terms.lead_days if terms else LEAD))


def _touched(session: ReadSession, names: Select[Any]) -> ColumnElement[bool]:
    """True where a customer, or another of the household, is among ``names``."""
    scores, other = tables.scores, tables.scores.alias()
    homes = select(other.c.household_id).where(
        other.c.run_version == session.run_version,
        other.c.household_id.is_not(None),
        other.c.customer_id.in_(names),
    )
    return or_(scores.c.customer_id.in_(names), scores.c.household_id.in_(homes))


def unknown_names(session: ReadSession, rule: AudienceRule) -> list[tuple[str, str, list[str]]]:
    """The kind, the name and all names of a kind, per name of a rule that no customer of the run can have."""
    terms, coverage = session.list_terms(), tables.coverage
    served = select(coverage.c.branch_id).where(coverage.c.run_version == session.run_version)
    known = {
        "segment": (rule.segments, [*terms.segments] if terms else rule.segments),
        "tier": (rule.tiers, [*terms.tiers] if terms else rule.tiers),
        "branch": (rule.branches, session.connection.scalars(served.distinct()).all()),
    }
    return [
        (kind, name, [*names])
        for kind, (asked, names) in known.items()
        for name in asked
        if name not in names
    ]
