"""Managers' verdicts on alerts: as they are sent, as they are stored, and what they say about the reasons."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import HTTPException
from pydantic import Field

from configs.published import Feedback, Score
from serve.api.contacts import NO_CUSTOMER_OR_MANAGER, caller_of, reached
from serve.api.requests import (
    BODY,
    GONE_RUN,
    NO_CUSTOMER,
    CustomerId,
    IdempotencyKey,
    OpenedStore,
    PageCursor,
    PageSize,
    authorized_router,
    exemplified,
)
from serve.auth.access import Granted
from serve.auth.policy import Role
from serve.http.problems import CONFLICT, documented
from serve.http.responses import ID, RunResponse, Schema
from serve.store import alert_feedback

COMPARES = (Role.ADMIN, Role.ANALYST)  # the others see no colleague's figures
router = authorized_router("contacts")


class FeedbackSent(Schema):
    """A verdict on an alert: on the customer's risk and reasons in one run."""

    feedback: Feedback = Field(
        description="own_transfer: the customer's own move of money; purchase: the money buys something"
    )
    manager_id: str | None = Field(default=None, pattern=ID, description="who judges; by default who sends")
    run_id: str | None = Field(
        default=None, pattern=ID, description="the run of the alert; by default the one served"
    )


class FeedbackSchema(Schema):
    """One verdict."""

    feedback_id: int
    customer_id: str
    manager_id: str
    run_id: str = Field(description="the run of the alert")
    reason_group: str = Field(description="what the first reason was about in that run; empty without one")
    feedback: Feedback
    recorded_at: datetime


class FeedbackRecorded(RunResponse):
    """A verdict as it stands in the store."""

    alert_feedback: FeedbackSchema


class RecordedFeedback(RunResponse):
    """Verdicts in the order in which they were recorded; the newest on a customer in a run counts."""

    alert_feedback: tuple[FeedbackSchema, ...]
    next_cursor: str | None = Field(
        description="for what follows, also after the last; keep it and ask again. null: nothing yet"
    )


class PrecisionSchema(Schema):
    """The verdicts on the alerts of one group. An alert that nobody evaluated is in no figure."""

    group: str = Field(description="all, a group of reasons, or a manager_id")
    evaluated: int = Field(ge=0, description="alerts with a verdict")
    useful: int | None = Field(
        default=None, description="of them those that were useful; null for fewer than 10"
    )
    share: float | None = Field(default=None, description="useful of evaluated; null for fewer than 10")
    interval: tuple[float, ...] | None = Field(
        default=None, min_length=2, max_length=2, description="95%, Wilson; null for fewer than 10"
    )


class AlertPrecision(RunResponse):
    """The precision of alerts as managers judge it, over all runs; a verdict is no outcome."""

    overall: PrecisionSchema | None = Field(default=None, description="null before the first verdict")
    by_reason: tuple[PrecisionSchema, ...]
    by_manager: tuple[PrecisionSchema, ...] = Field(description="empty for roles that may not compare them")


@router.post(
    "/customers/{customer_id}/alert-feedback",
    status_code=201,
    responses=exemplified("record_feedback", 201)
    | BODY
    | GONE_RUN
    | documented(e404=NO_CUSTOMER, e409=CONFLICT),
)
def record_feedback(
    customer_id: CustomerId,
    sent: FeedbackSent,
    idempotency_key: IdempotencyKey,
    access: Granted,
    store: OpenedStore,
) -> FeedbackRecorded:
    """Records a verdict on an alert once; a call is not needed for it."""
    known = reached(access, sent.run_id, [customer_id])
    manager_id = caller_of(access, known, customer_id, sent.manager_id)
    with access.at_run(known.run.run_id if sent.run_id else None) as read_session:
        score = read_session.customer(customer_id)
    if not isinstance(score, Score):
        raise HTTPException(404, NO_CUSTOMER_OR_MANAGER)
    verdict = alert_feedback.AlertFeedback(
        key=idempotency_key,
        customer_id=customer_id,
        manager_id=manager_id,
        run_id=read_session.run.run_id,
        reason_group=score.reasons[0].group if score.reasons else "",
        feedback=sent.feedback,
        recorded_at=datetime.now(UTC),
    )
    with store.append() as connection:
        recorded = alert_feedback.record(connection, verdict, access.author, sent.run_id is not None)
    return FeedbackRecorded(
        **access.context(read_session.run).source,
        alert_feedback=FeedbackSchema.model_validate(recorded, from_attributes=True),
    )


@router.get("/alert-feedback", responses=exemplified("recorded_feedback") | GONE_RUN)
def recorded_feedback(access: Granted, limit: PageSize = 100, cursor: PageCursor = None) -> RecordedFeedback:
    """The verdicts recorded since a cursor, or ever, on customers within reach."""
    with access.since(cursor, alert_feedback.holds) as (read_session, feedback_id):
        scope = read_session.run_version, access.scope
        verdicts = alert_feedback.recorded_after(read_session.connection, feedback_id, limit, *scope)
    access.about(*sorted({verdict.customer_id for verdict in verdicts}))
    last = verdicts[-1] if verdicts else None
    return RecordedFeedback(
        **access.context(read_session.run).source,
        alert_feedback=tuple(
            FeedbackSchema.model_validate(verdict, from_attributes=True) for verdict in verdicts
        ),
        next_cursor=access.after(last.feedback_id, last.key) if last else cursor,
    )


@router.get("/alert-feedback/precision", responses=exemplified("alert_precision"))
def alert_precision(access: Granted) -> AlertPrecision:
    """The share of the evaluated alerts that were useful: in all, by first reason and by manager."""
    with access.at_run() as read_session:
        overall = _shown(alert_feedback.precision(read_session, "all"))
        by_reason = alert_feedback.precision(read_session, "reason")
        compares = access.caller.role in COMPARES
        by_manager = alert_feedback.precision(read_session, "manager") if compares else {}
    return AlertPrecision(
        **access.context(read_session.run).source,
        overall=overall[0] if overall else None,
        by_reason=_shown(by_reason),
        by_manager=_shown(by_manager),
    )


def _shown(groups: Mapping[str, Any]) -> tuple[PrecisionSchema, ...]:
    return tuple(
        PrecisionSchema(
            group=name,
            evaluated=group.evaluated,
            useful=group.useful if group.share else None,
            share=group.share[0] if group.share else None,
            interval=group.share[1:] if group.share else None,
        )
        for name, group in groups.items()
    )
