"""Scores in bulk, for a nightly load: one flat row per customer of a run, or of the difference of two
runs."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import HTTPException, Query, Response

from configs.published import Run, Score
from serve.api.export_formats import COLUMNS, MEDIA_TYPES, REASONS, Format, Row, available, written
from serve.api.requests import (
    EXAMPLES,
    GONE_RUN,
    UNCHANGED,
    OpenedStore,
    SinceRun,
    TextLanguage,
    authorized_router,
)
from serve.auth.access import Access, Granted, MaskedStream
from serve.http.problems import documented
from serve.http.responses import ResponseContext, etag
from serve.store.store import Difference
from serve.texts.wording import change_in_words

NO_PARQUET = "Parquet cannot be written here."
router = authorized_router("exports")
FormatAsked = Annotated[Format, Query(alias="format", description="how the rows are written")]


def _streamed(route: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of an export."""
    content = {media.partition(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}
    example = EXAMPLES[route]["rows"]
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in example["value"])
    content[MEDIA_TYPES["ndjson"]] |= {"examples": {"rows": example | {"value": lines}}}
    entry = {200: {"description": "Rows, as a stream.", "content": content}}
    return entry | UNCHANGED | documented(e501=NO_PARQUET)


@router.get("/exports/scores", response_class=Response, responses=_streamed("export_scores"))
def export_scores(
    access: Granted, store: OpenedStore, form: FormatAsked = "ndjson", language: TextLanguage = "en"
) -> Response:
    """Every score of the served run, one row per customer, by number."""
    with access.at_run() as read_session:
        context, count = access.context(read_session.run, language), read_session.within_reach()
    access.about(f"run {read_session.run.run_id}", customers=count)
    scores = store.scores(read_session.run.run_id, access.scope)
    rows = _scored_rows(access, context, scores)
    return _export(access, read_session.run, rows, form, f"{read_session.run_version} {language}")


@router.get("/exports/changes", response_class=Response, responses=_streamed("export_changes") | GONE_RUN)
def export_changes(
    since: SinceRun,
    access: Granted,
    store: OpenedStore,
    form: FormatAsked = "ndjson",
    language: TextLanguage = "en",
) -> Response:
    """The rows that turn the scores of an earlier run into those of the served one, one row per customer, by
    number."""
    with access.at_run(since) as before:
        pass
    with access.at_run() as read_session:
        context, count = access.context(read_session.run, language), read_session.within_reach()
    # How many changed is only known once the last one is sent; a new Monday changes nearly every score.
    same = before.run_version == read_session.run_version
    access.about(f"run {read_session.run.run_id}", customers=0 if same else count)
    differences = store.differences(since, read_session.run.run_id, access.scope)
    rows = _changed_rows(access, context, differences)
    version = f"{before.run_version} {read_session.run_version} {language}"
    return _export(access, read_session.run, rows, form, version)


def _export(access: Access, run: Run, rows: Iterator[Row], form: Format, version: str) -> Response:
    """The rows as a file. Raises HTTPException 501 for a format that cannot be written here."""
    if not available(form):
        raise HTTPException(501, NO_PARQUET)
    headers = {
        "ETag": etag(f"{version} {form} {access.scope} {access.shown('')}".encode()),
        "Attrition-Snapshot-Date": str(run.snapshot_date),
        "Attrition-Run": run.run_id,
        "Attrition-Model": run.model_id,
        "Content-Disposition": f'attachment; filename="{run.snapshot_date}.{form}"',
        "Cache-Control": "no-store",
    }
    return MaskedStream(written(rows, form), headers=headers, media_type=MEDIA_TYPES[form])


def _scored_rows(access: Access, context: ResponseContext, scores: Iterable[Score]) -> Iterator[Row]:
    """One row per score; the customer's number is shown as the caller may see it."""
    start = _start(context)
    for score in scores:
        yield [*start, "scored", access.shown(score.customer_id), *_figures(context, score)]


def _changed_rows(
    access: Access, context: ResponseContext, differences: Iterable[Difference]
) -> Iterator[Row]:
    """One row per customer whose score came, changed or went; of who went there is only the number."""
    start, nothing = _start(context), [None] * (len(COLUMNS) - 5)
    for change in differences:
        kind = "added" if change.before is None else "removed" if change.after is None else "changed"
        figures = _figures(context, change.after) if change.after else nothing
        yield [*start, kind, access.shown(change.customer_id), *figures]


def _start(context: ResponseContext) -> Row:
    return [str(context.run.snapshot_date), context.run.run_id, context.run.model_id]


def _figures(context: ResponseContext, score: Score) -> Row:
    """Everything after the customer's number."""
    reasons: list[str | None] = []
    for reason in score.reasons[:REASONS]:
        reasons += [reason.group, reason.text_zh if context.language == "zh" else reason.text_en]
    return [
        score.branch_id,
        score.manager_id,
        score.tier,
        score.lifecycle_stage,
        score.marketing_opt_out,
        context.run.base_currency,
        score.aum_minor,
        score.money_at_risk_minor,
        score.risk_30d,
        score.risk_60d,
        score.risk_90d,
        score.risk_band,
        score.risk_change,
        change_in_words(context.run, score, context.language) or None,
        *reasons,
        *[None] * (2 * REASONS - len(reasons)),
    ]
