"""Scores in bulk, for a nightly load: all of a run, or what changed since another."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import HTTPException, Query, Response

from configs.published import Run
from serve.answers import examples
from serve.auth.access import Access, Granted, MaskedStream
from serve.http import exports
from serve.http.etags import tag_of
from serve.http.exports import Row
from serve.http.formats import MEDIA_TYPES, Format, available, written
from serve.http.problems import documented
from serve.http.requests import GONE_RUN, UNCHANGED, OpenedStore, ShownIn, SinceRun, authorized_router

NO_PARQUET = "Parquet cannot be written here."
router = authorized_router("exports")
In = Annotated[Format, Query(alias="format", description="how the rows are written")]


def _streamed(rows: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of an export."""
    content = {media.partition(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}
    content[MEDIA_TYPES["ndjson"]] |= {"examples": rows}
    return {200: {"description": "Rows, as a stream.", "content": content}} | UNCHANGED


@router.get(
    "/exports/scores",
    response_class=Response,
    responses=_streamed(examples.EXPORT) | documented(e501=NO_PARQUET),
)
def export_scores(
    access: Granted, store: OpenedStore, form: In = "ndjson", language: ShownIn = "en"
) -> Response:
    """Every score of the served run, one row per customer, by number."""
    with access.at_run() as read_session:
        view, within = access.view(read_session.run, language), read_session.within_reach()
    access.about(f"run {read_session.run.run_id}", customers=within)
    rows = exports.scored(view, store.scores(read_session.run.run_id, access.scope), access.shown)
    return _answer(access, read_session.run, rows, form, f"{read_session.run_version} {language}")


@router.get(
    "/exports/changes",
    response_class=Response,
    responses=_streamed(examples.CHANGES) | GONE_RUN | documented(e501=NO_PARQUET),
)
def export_changes(
    since: SinceRun, access: Granted, store: OpenedStore, form: In = "ndjson", language: ShownIn = "en"
) -> Response:
    """What turns the scores of an earlier run into those of the served one, one row per customer, by number."""
    with access.at_run(since) as before:
        pass
    with access.at_run() as read_session:
        view, within = access.view(read_session.run, language), read_session.within_reach()
    # How many changed is only known once the last one is sent; a new Monday changes nearly every score.
    same = before.run_version == read_session.run_version
    access.about(f"run {read_session.run.run_id}", customers=0 if same else within)
    differences = store.differences(since, read_session.run.run_id, access.scope)
    rows = exports.changed(view, differences, access.shown)
    return _answer(
        access, read_session.run, rows, form, f"{before.run_version} {read_session.run_version} {language}"
    )


def _answer(access: Access, run: Run, rows: Iterator[Row], form: Format, what: str) -> Response:
    """The rows as a file. Raises HTTPException 501 for a format that cannot be written here."""
    if not available(form):
        raise HTTPException(501, NO_PARQUET)
    headers = {
        "ETag": tag_of(f"{what} {form} {access.scope} {access.shown('')}".encode()),
        "Attrition-Snapshot-Date": str(run.snapshot_date),
        "Attrition-Run": run.run_id,
        "Attrition-Model": run.model_id,
        "Content-Disposition": f'attachment; filename="{run.snapshot_date}.{form}"',
        "Cache-Control": "no-store",
    }
    return MaskedStream(written(rows, form), headers=headers, media_type=MEDIA_TYPES[form])
