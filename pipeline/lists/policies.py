"""Champion and challenger of policies: the ways to value a contact, one of which fills the lists.

``learnt`` rests on the bank's own outcomes as far as they say anything; ``settings`` on nothing else than the
settings. The audit log is the record, as it is for models: lists are filled by the policy that was approved
last, and by the first of POLICIES before. A decision holds from the Monday after the newest run on, so that
each Monday that is run again finds the policy that it had.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from configs.dates import WEEK
from configs.errors import DataError, did_you_mean
from configs.people import name_of, same_person
from configs.published import Reason, Score
from configs.response import Cell, Response
from configs.settings import Settings
from models.policy_value import effects, policy_value
from pipeline.context import Context
from pipeline.lists.responses import learnt_response
from pipeline.monitoring.matured import Matured, read_matured
from pipeline.training.promotion import BY_THE_FIGURES, audit_log
from serve.store import assignments
from serve.store.audit import entries
from serve.store.read_session import served
from serve.store.store import Store

POLICIES = ("learnt", "settings")
COMPARED, APPROVED, BACK = "policy compared", "policy approved", "policy rolled back"
PERIOD = 26 * WEEK  # in which a policy is judged by what it had learnt before
LOOK_BACK = 104 * WEEK


def policies_at(connection: Connection, monday: date) -> list[str]:
    """The policies that filled lists up to ``monday`` by what was approved and not rolled back, the last one
    now."""
    held = [POLICIES[0]]
    for entry in entries(connection, (APPROVED, BACK)):
        if date.fromisoformat(entry.details["from"]) <= monday:
            if entry.action == APPROVED:
                held.append(entry.subject)
            elif held[-1] == entry.subject and len(held) > 1:
                held.pop()
    return held


def response_by(
    policy: str, settings: Settings, rows: Sequence[Any], monday: date, matured: Sequence[Matured]
) -> Response:
    """The response to contacts by one policy, from the outcomes that were known by ``monday``."""
    learns = policy == "learnt"
    return learnt_response(settings, rows if learns else [], monday, matured if learns else [])


def outcomes_by_cell(settings: Settings, rows: Sequence[Any], monday: date) -> Counter[Cell]:
    """The number of listed customers of each cell that have an outcome that was known by ``monday``."""
    counts = Counter[Cell]()
    for row in rows:
        known = row.attrited is not None and settings.label.timeline(row.assigned_on).matured(monday)
        if known and not row.control_group:
            cell = row.reason_group, settings.bands.of(row.risk), row.lifecycle_stage or ""
            counts.update(cell[:size] for size in range(len(cell) + 1))
    return counts


def comparison(
    settings: Settings, rows: Sequence[Any], monday: date, champion: str, matured: Sequence[Matured] = ()
) -> dict[str, Any]:
    """The money that the challenger would have kept more than the champion, had lists had half of their
    places.

    Of the assignments of each Monday either policy contacts the half in whose case it expects most, as far
    as that pays, by what was known at the beginning of that period. Counted are those whom one contacts and
    the other does not, by what contacts did (``effects``: doubly robust, so that it is right
    whatever either expected): money kept less cost, or customers where a bank counts those. ``difference``
    has the value and its 95% interval; ``differing`` is the number of assignments counted.
    """
    (challenger,) = (policy for policy in POLICIES if policy != champion)
    known = [row for row in rows if row.attrited is not None]
    known = known if settings.lists.control_group_share else []  # nobody to compare with
    known = [row for row in known if settings.label.timeline(row.assigned_on).matured(monday)]
    gains = []
    first = min((row.assigned_on for row in known), default=monday)
    while first < monday:
        of_period = [row for row in known if first <= row.assigned_on < first + PERIOD]
        if of_period:
            by = {policy: response_by(policy, settings, rows, first, matured) for policy in POLICIES}
            gains.append(_gains(settings, of_period, by[challenger], by[champion]))
        first += PERIOD
    gained = np.concatenate(gains) if gains else np.zeros(0)
    value = policy_value(gained)
    differing = int((gained != 0).sum())
    return {
        "as_of": monday.isoformat(),
        "champion": champion,
        "challenger": challenger,
        "unit": settings.base_currency if settings.counts == "money" else "customers",
        "known": len(known),
        "differing": differing,
        "difference": [round(bound) for bound in value],
        "objections": _objections(settings, differing, value.high),
    }


def compare(bank: Context) -> dict[str, Any]:
    """The comparison by what is known before the newest published Monday; the audit log keeps it."""
    with Store(bank.home.store) as store, store.write() as connection:
        current = served(connection)
        if current is None:
            raise DataError(f"bank {bank.settings.bank!r} has published no run yet. Run make weekly first.")
        monday = current.snapshot_date
        rows = assignments.experiment_rows(connection, monday - LOOK_BACK)
        champion = policies_at(connection, monday + WEEK)[-1]
    matured = read_matured(bank.home, bank.settings.label, monday)
    figures = comparison(bank.settings, rows, monday, champion, matured)
    with audit_log(bank) as record:
        record.note(bank.user, COMPARED, figures["challenger"], figures)
    return figures


def approve(bank: Context, policy: str, by: str) -> dict[str, Any]:
    """Let a policy fill the lists from the next Monday on, in the name of ``by``.

    Raises DataError for the one who compared it, without a comparison, and where that has objections.
    """
    if policy not in POLICIES:
        raise DataError(f"there is no policy {policy!r}. {did_you_mean(policy, POLICIES)}")
    name = name_of(by)
    with audit_log(bank) as record:
        compared = [entry for entry in entries(record.connection, (COMPARED,)) if entry.subject == policy]
        if not compared:
            raise DataError(
                f"policy {policy!r} fills the lists already, or was never compared. See make policy "
                f"BANK={bank.settings.bank}."
            )
        last, current = compared[-1], served(record.connection)
        if same_person(name, last.actor):
            raise DataError(
                f"policy {policy!r} was compared by {name}, who cannot approve it too. Ask a second person: "
                f"make policy BANK={bank.settings.bank} USE={policy} BY=<name>."
            )
        figures = dict(last.details)
        start = (current.snapshot_date if current else date.fromisoformat(figures["as_of"])) + WEEK
        if policies_at(record.connection, start)[-1] != figures["champion"]:
            raise DataError(
                f"policy {policy!r} is approved already and fills the lists from {start} on. See make policy "
                f"BANK={bank.settings.bank}."
            )
        if figures["objections"]:
            raise DataError(f"policy {policy!r} is not approved: {'; '.join(figures['objections'])}.")
        record.note(name, APPROVED, policy, {"from": str(start), "entered_by": bank.user})
    return figures


def roll_back(bank: Context, by: str) -> str:
    """Return to the policy before the present one from the next Monday on; its name."""
    name = name_of(by)
    with audit_log(bank) as record:
        current = served(record.connection)
        start = (current.snapshot_date if current else date.min) + WEEK
        held = policies_at(record.connection, start)
        if len(held) < 2:
            raise DataError(f"bank {bank.settings.bank!r} has no earlier policy to return to.")
        details = {"from": str(start), "back_to": held[-2], "entered_by": bank.user}
        record.note(name, BACK, held[-1], details)
    return held[-2]


def follow_figures(bank: Context, rows: Sequence[Any], monday: date) -> None:
    """Approve a challenger that surely keeps more, on the first Monday of a month and for the next one.

    Only where approval is automatic.
    """
    if bank.settings.promotion.approval != "automatic" or monday.day > WEEK.days:
        return
    with audit_log(bank) as record:
        champion = policies_at(record.connection, monday + WEEK)[-1]
        matured = read_matured(bank.home, bank.settings.label, monday)
        figures = comparison(bank.settings, rows, monday, champion, matured)
        if not figures["objections"] and figures["difference"][1] > 0:
            record.note(bank.user, COMPARED, figures["challenger"], figures)
            details = {"from": str(monday + WEEK), "entered_by": bank.user}
            record.note(BY_THE_FIGURES, APPROVED, figures["challenger"], details)


def _objections(settings: Settings, differing: int, high: float) -> list[str]:
    """Against a challenger; ``high`` is the most that it may have kept more than the champion."""
    if not settings.lists.control_group_share:
        return ["lists.control_group_share = 0, so that nobody can see what contacts did"]
    if differing < settings.lists.min_group:
        return [
            f"the two policies contact others in {differing} known cases, below lists.min_group = "
            f"{settings.lists.min_group}"
        ]
    return ["it would have kept less"] if high < 0 else []


def _gains(
    settings: Settings, rows: Sequence[Any], challenger: Response, champion: Response
) -> NDArray[np.float64]:
    """By assignment what only the challenger's contact keeps, less its cost; negative for the champion's."""
    has_money = settings.counts == "money"
    cost = settings.profit.call_cost / settings.profit.margin if has_money else 0.0
    lost = np.array([(row.lost_minor or 0) / 100 if has_money else float(row.attrited) for row in rows])
    expected, other = (_expected(settings, rows, response) for response in (challenger, champion))
    listed = np.array([not row.control_group for row in rows], dtype=bool)
    propensity = np.full(len(rows), 1 - settings.lists.control_group_share)
    kept = effects(listed, propensity, lost, _at_risk(settings, rows), other) - cost
    contacted, by_other = _contacted(rows, expected - cost), _contacted(rows, other - cost)
    return np.where(contacted == by_other, 0.0, np.where(contacted, kept, -kept))


def _expected(settings: Settings, rows: Sequence[Any], response: Response) -> NDArray[np.float64]:
    """The value that a contact with each is expected to keep, in base currency or customers."""
    shares = [response.share_kept(_score_of(settings, row)) for row in rows]
    return _at_risk(settings, rows) * np.array(shares)


def _at_risk(settings: Settings, rows: Sequence[Any]) -> NDArray[np.float64]:
    has_money = settings.counts == "money"
    at_risk = [row.money_at_risk_minor / 100 if has_money else row.risk for row in rows]
    return np.array(at_risk, dtype=np.float64)


def _contacted(rows: Sequence[Any], net: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The half of each Monday's assignments in whose case a policy expects most, as far as that is not
    negative; the first by number in a tie."""
    chosen = np.zeros(len(rows), dtype=bool)
    days = np.array([row.assigned_on.toordinal() for row in rows])
    for day in np.unique(days):
        (members,) = np.nonzero(days == day)
        best = members[np.argsort(-net[members], kind="stable")][: (len(members) + 1) // 2]
        chosen[best[net[best] >= 0]] = True
    return chosen


def _score_of(settings: Settings, row: Any) -> Score:
    """The score of its Monday, as far as an assignment holds it."""
    reasons = (Reason(row.reason_group, "", None, 0.0, "", ""),) if row.reason_group else ()
    return Score(
        row.customer_id,
        None,
        None,
        "",
        row.lifecycle_stage or "",
        False,
        row.base_minor or 0,
        row.money_at_risk_minor,
        settings.bands.of(row.risk),
        reasons,
        risk_30d=row.risk_30d,
        risk_90d=row.risk,
        movable=row.movable,
    )
