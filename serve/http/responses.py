"""Every response names the run that it comes from; one that the caller holds already is not sent again."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from configs.published import Language, Run
from serve.http.paths import header

# Of customers, managers, branches and runs; ingest refuses numbers that would not fit (pipeline/ingest).
ID = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,62}[^\s\x00-\x1f\x7f])?$"
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
# How amounts are written: 575346.65, "575346.65" or, in minor units, 57534665.
MoneyForm = Literal["number", "text", "minor"]
Amount = float | int | str
# Named, so that the API's document holds it once.
Money = TypeAliasType(
    "Money", Annotated[Amount, Field(description="in `currency`, written as the parameter `money` says")]
)
OptionalMoney = TypeAliasType(
    "OptionalMoney", Annotated[Money | None, Field(description="null where the bank counts customers")]
)


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
    """The run of a response, its language, the warning where the run is old, and how amounts are written."""

    run: Run
    language: Language = "en"
    warning: str | None = None
    money: MoneyForm = "number"

    @property
    def source(self) -> dict[str, Any]:
        """The fields of RunResponse."""
        return {
            "snapshot_date": self.run.snapshot_date,
            "run_id": self.run.run_id,
            "model_id": self.run.model_id,
            "warning": self.warning,
        }

    def amount(self, minor: int) -> Amount | None:
        """Minor units as the caller asked for them; None where the bank counts customers."""
        return written_amount(minor, self.money) if self.run.has_money else None


def written_amount(minor: int, form: MoneyForm) -> Amount:
    """
    >>> [written_amount(57_534_600, form) for form in ("number", "text", "minor")]
    [575346.0, '575346.00', 57534600]
    """
    return minor if form == "minor" else str(exact(minor)) if form == "text" else minor / 100


def exact(minor: int) -> Decimal:
    """Minor units in whole currency."""
    return Decimal(minor).scaleb(-2)


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
    tag = response.headers.get("ETag")
    if not tag or not is_held(header(request.scope, b"if-none-match"), tag):
        return response
    kept = ("etag", "cache-control", "attrition-warning")
    headers = {name: response.headers[name] for name in kept if name in response.headers}
    return Response(status_code=304, headers=headers)


def is_held(sent: bytes, tag: str) -> bool:
    """True where If-None-Match names the tag, weak or not, or any."""
    held = [held_tag.strip() for held_tag in sent.decode("latin-1").split(",")] if sent else []
    return "*" in held or tag in {f"W/{held_tag.removeprefix('W/')}" for held_tag in held}


def etag(content: bytes) -> str:
    return f'W/"{sha256(content).hexdigest()[:32]}"'
