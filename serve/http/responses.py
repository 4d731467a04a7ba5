"""Every response names the run that it comes from; one that the caller holds already is not sent again."""

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from configs.published import Language, Run

# Of customers, managers, branches and runs; ingest refuses numbers that would not fit (pipeline/ingest).
ID = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,62}[^\s\x00-\x1f\x7f])?$"
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Money = Annotated[float, Field(allow_inf_nan=False, description="in `currency`, at most two decimals")]
OptionalMoney = Annotated[
    float | None,
    Field(
        allow_inf_nan=False,
        description="in `currency`, at most two decimals; null where the bank counts customers",
    ),
]


class Schema(BaseModel):
    """A part of a request or response; a field that is not declared is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class RunResponse(Schema):
    """The run and the model behind every response."""

    snapshot_date: date = Field(description="the Monday the answer holds for; that day itself is not seen")
    run_id: str = Field(description="the weekly run that was published")
    model_id: str = Field(description="the model that scored")
    warning: str | None = Field(default=None, description="said when the run is older than it should be")


@dataclass(frozen=True)
class ResponseContext:
    """The run of a response, its language, and the warning where the run is old."""

    run: Run
    language: Language = "en"
    warning: str | None = None

    @property
    def source(self) -> dict[str, Any]:
        """The fields of RunResponse."""
        return {
            "snapshot_date": self.run.snapshot_date,
            "run_id": self.run.run_id,
            "model_id": self.run.model_id,
            "warning": self.warning,
        }


def stale(snapshot_date: date, today: date, days: int) -> str | None:
    """A warning when the Monday is more than ``days`` days past.

    >>> stale(date(2026, 11, 16), date(2026, 11, 26), 10)
    >>> stale(date(2026, 11, 16), date(2026, 11, 27), 10)
    'These scores are of Monday 2026-11-16; no newer run is served.'
    """
    if today - snapshot_date <= timedelta(days=days):
        return None
    return f"These scores are of Monday {snapshot_date}; no newer run is served."


def unless_held(request: Request, response: Response) -> Response:
    """The response with its ETag, or a 304 without a body (RFC 9110, If-None-Match).

    A response of JSON without an ETag gets that of its bytes. Weak, because it may be sent compressed or not.
    """
    if request.method != "GET" or response.status_code != 200:
        return response
    if "etag" not in response.headers and response.media_type == "application/json":
        response.headers["ETag"] = etag(bytes(response.body))
    held = [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]
    tag = response.headers.get("ETag")
    if not tag or ("*" not in held and tag not in {f"W/{held_tag.removeprefix('W/')}" for held_tag in held}):
        return response
    kept = ("etag", "cache-control", "attrition-warning")
    headers = {name: response.headers[name] for name in kept if name in response.headers}
    return Response(status_code=304, headers=headers)


def etag(content: bytes) -> str:
    return f'W/"{sha256(content).hexdigest()[:32]}"'
