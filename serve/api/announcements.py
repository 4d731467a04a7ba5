"""Publications and roll-backs, for whoever keeps a copy of what is served and asks now and then."""

import json
from datetime import datetime
from urllib.parse import quote

from pydantic import Field

from serve.api.requests import GONE_RUN, PageCursor, PageSize, authorized_router, exemplified
from serve.auth.access import Granted
from serve.http.responses import RunResponse, Schema
from serve.store import announcements as stored
from serve.store.announcements import Announcement, Kind
from serve.store.read_session import GoneError
from serve.store.rounding import EXACT, Rounding

router = authorized_router("runs")


class AnnouncedCounts(Schema):
    """Customers of a run."""

    scored: int = Field(ge=0)
    excluded: int = Field(ge=0)
    listed: int = Field(ge=0, description="on the lists of the week")


class AnnouncedRun(Schema):
    """The run that was published, or to which was rolled back; a webhook sends the same."""

    bank: str
    run_id: str
    snapshot_date: str = Field(description="its Monday")
    model_id: str
    before: str | None = Field(default=None, description="run_id of the run that was served before")
    served: bool = Field(description="false: it went into the history, and what is served stayed")
    republished: bool = Field(description="a run with this run_id had been published before")
    counts: AnnouncedCounts
    changes: str | None = Field(
        default=None, description="path of the rows that bring a copy of `before` up to date; null: none"
    )


class AnnouncementSchema(Schema):
    """One publication or roll-back, as the body of a webhook has it."""

    id: str = Field(description="the webhook-id: the same however often it is sent")
    type: Kind
    timestamp: datetime
    data: AnnouncedRun


class Announcements(RunResponse):
    """Publications and roll-backs, the oldest first; the answer's own source is the run that is served."""

    announcements: tuple[AnnouncementSchema, ...]
    next_cursor: str | None = Field(
        description="for what follows, also after the last; keep it and ask again. null: nothing yet"
    )


@router.get("/publications", responses=exemplified("announcements") | GONE_RUN)
def announcements(access: Granted, limit: PageSize = 100, cursor: PageCursor = None) -> Announcements:
    """Publications and roll-backs since a cursor, or since the first announcement of the store."""
    position = access.opened(cursor) if cursor else "[0, null]"
    number, announcement_id = json.loads(position)
    with access.at_run() as read_session:
        connection = read_session.connection
        if announcement_id and not stored.holds(connection, number, announcement_id):
            raise GoneError("the store was put back from a backup since this cursor was given.")
        following, rounding = stored.after(connection, number, limit), read_session.rounding
    last = following[-1] if following else None
    return Announcements(
        **access.context(read_session.run).source,
        announcements=tuple(_announcement(each, rounding) for each in following),
        next_cursor=access.sealed(json.dumps([last.number, last.announcement_id])) if last else cursor,
    )


def _announcement(announcement: Announcement, rounding: Rounding) -> AnnouncementSchema:
    return AnnouncementSchema(
        id=announcement.announcement_id,
        type=announcement.kind,
        timestamp=announcement.at,
        data=announced_run(announcement, rounding),
    )


def announced_run(announcement: Announcement, rounding: Rounding = EXACT) -> AnnouncedRun:
    fields = vars(announcement)
    return AnnouncedRun(
        **{name: fields[name] for name in ("bank", "run_id", "model_id", "served", "republished")},
        snapshot_date=str(announcement.snapshot_date),
        before=announcement.before_run_id,
        counts=AnnouncedCounts(
            **{name: rounding.count(fields[name]) for name in AnnouncedCounts.model_fields}
        ),
        changes=_changes(announcement),
    )


def _changes(announcement: Announcement) -> str | None:
    """Of a run that took its own place everything: what it was before is not kept."""
    before = announcement.before_run_id
    if not announcement.served:
        return None
    if before is None or before == announcement.run_id:
        return "/v1/exports/scores"
    return f"/v1/exports/changes?since={quote(before, safe='')}"
