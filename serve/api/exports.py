"""Scores in bulk, for a nightly load: one flat row per customer of a run, or of the change between two."""

import json
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import chain
from typing import Annotated, Any

from fastapi import HTTPException, Query, Response

from serve.api.export_formats import COLUMNS, MEDIA_TYPES, REASONS, Format, Row, written
from serve.api.requests import (
    EXAMPLES,
    GONE_RUN,
    UNCHANGED,
    MoneyWritten,
    OpenedStore,
    SinceRun,
    TextLanguage,
    authorized_router,
)
from serve.api.risk import decision_codes, next_step, policy_fields
from serve.auth.access import Access, Granted, MaskedStream
from serve.http.problems import documented
from serve.http.responses import ResponseContext, etag
from serve.store.differences import DecidedScore, differences
from serve.texts.wording import Wording, change_in_words

NO_PARQUET = "Parquet cannot be written here."
router = authorized_router("exports")
FormatAsked = Annotated[Format, Query(alias="format", description="how the rows are written")]


def _streamed() -> dict[int | str, dict[str, Any]]:
    content = {media.partition(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}
    example = EXAMPLES["export_scores"]["rows"]
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in example["value"])
    content[MEDIA_TYPES["ndjson"]] |= {"examples": {"rows": example | {"value": lines}}}
    entry = {200: {"description": "Rows, as a stream.", "content": content}}
    return entry | UNCHANGED | documented(e501=NO_PARQUET)


@router.get("/exports/scores", response_class=Response, responses=_streamed() | GONE_RUN)
def export_scores(
    access: Granted,
    store: OpenedStore,
    form: FormatAsked = "ndjson",
    language: TextLanguage = "en",
    money: MoneyWritten = "number",
) -> Response:
    """Every score and decision of the served run, one row per customer, by number."""
    with access.at_run() as read_session:
        context, count = access.context(read_session.run, language, money), read_session.within_reach()
    access.about(f"run {context.run.run_id}", customers=count)
    scores = store.decided(context.run.run_id, access.scope, read_session.run_version)
    rows = (("scored", score.customer_id, score) for score in scores)
    return _export(access, context, rows, form, f"{read_session.run_version} {language}")


@router.get("/exports/changes", response_class=Response, responses=_streamed() | GONE_RUN)
def export_changes(
    since: SinceRun,
    access: Granted,
    store: OpenedStore,
    form: FormatAsked = "ndjson",
    language: TextLanguage = "en",
    money: MoneyWritten = "number",
) -> Response:
    """Scores and decisions added, changed or removed since an earlier run, a row per customer, by number."""
    with access.at_run(since) as before:
        pass
    with access.at_run() as read_session:
        context, count = access.context(read_session.run, language, money), read_session.within_reach()
    # How many changed is only known once the last one is sent; a new Monday changes nearly every score.
    same = before.run_version == read_session.run_version
    access.about(f"run {context.run.run_id}", customers=0 if same else count)
    scores = (
        store.decided(opened.run.run_id, access.scope, opened.run_version)
        for opened in (before, read_session)
    )
    changes = (
        ("added" if earlier is None else "changed" if after else "removed", customer_id, after)
        for customer_id, earlier, after in differences(*scores)
    )
    version = f"{before.run_version} {read_session.run_version} {language}"
    return _export(access, context, changes, form, version)


def _export(
    access: Access,
    context: ResponseContext,
    rows: Iterable[tuple[str, str, DecidedScore | None]],
    form: Format,
    version: str,
) -> Response:
    """The rows as a file: of each its kind, the customer and, unless it went, the score.

    Raises HTTPException 501 for a format that cannot be written here.
    """
    if form == "parquet" and find_spec("pyarrow") is None:  # which the service itself does without
        raise HTTPException(501, NO_PARQUET)
    run = context.run
    start = [str(run.snapshot_date), run.run_id, run.model_id]
    exported = (
        [*start, kind, access.shown(customer_id), *_figures(context, score)]
        for kind, customer_id, score in rows
    )
    headers = {
        "ETag": etag(f"{version} {form} {context.money} {access.scope} {access.shown('')}".encode()),
        "Attrition-Snapshot-Date": str(run.snapshot_date),
        "Attrition-Run": run.run_id,
        "Attrition-Model": run.model_id,
        "Content-Disposition": f'attachment; filename="{run.snapshot_date}.{form}"',
        "Cache-Control": "no-store",
    }
    pieces = written(exported, form, context.money)
    first = next(pieces, b"")  # a run that has gone meanwhile is told while there is a status to tell it by
    rest: Iterable[bytes] = () if access.head else pieces
    return MaskedStream(chain([first], rest), headers=headers, media_type=MEDIA_TYPES[form])


def _figures(context: ResponseContext, decided: DecidedScore | None) -> Row:
    """Everything after the customer's number; empty for a customer without a score."""
    if decided is None:
        return [None] * (len(COLUMNS) - 5)
    score, decision = decided.score, decided.decision
    words, has_money = Wording(context.language), context.run.has_money
    reasons: list[str] = []
    for reason in score.reasons[:REASONS]:
        reasons += [reason.group, words.of(reason)]
    codes = decision_codes(context, score, decision)
    codes["decision_until"] = str(codes["decision_until"] or "") or None
    return [
        score.branch_id,
        score.manager_id,
        score.tier if has_money else None,
        score.lifecycle_stage,
        score.marketing_opt_out,
        context.run.base_currency,
        score.aum_minor if has_money else None,
        score.money_at_risk_minor if has_money else None,
        score.risk_30d,
        score.risk_60d,
        score.risk_90d,
        score.risk_band,
        score.risk_change,
        change_in_words(context.run, score, context.language) or None,
        *reasons,
        *[None] * (2 * REASONS - len(reasons)),
        score.risk,
        context.run.horizon_days,
        *codes.values(),
        decision.expected_value_minor if has_money else None,
        next_step(decision, context.language),
        score.segment or None,
        str(score.contact_due_on) if score.contact_due_on else None,
        *policy_fields(decision, context.language).values(),
    ]
