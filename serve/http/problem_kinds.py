"""The kinds of error answers. ``/problems/<name>`` shows cause and remedy of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException

FOLDER = "/problems/"
CORRECT = "Correct the field named in `detail`, then send the request again."
_AGAIN = "Try again later, each time after a longer wait, and not before the seconds of Retry-After, if sent."


@dataclass(frozen=True)
class Kind:
    """One kind of error answers; ``title``, ``cause`` and ``remedy`` are the same in each of them."""

    name: str
    status: int
    title: str
    cause: str
    remedy: str

    @property
    def type(self) -> str:
        """The address of its page, relative to the service."""
        return f"{FOLDER}{self.name}"

    @property
    def text(self) -> str:
        return f"{self.title}\n\nStatus: {self.status}\nCause: {self.cause}\nRemedy: {self.remedy}\n"


# The first of a status stands for whatever has no kind of its own.
_KINDS = (
    Kind(
        "malformed-request",
        400,
        "Malformed request",
        "The request or its headers cannot be read as HTTP/1.1.",
        "Send one request of HTTP/1.1; where the service is behind a proxy, TLS ends at the proxy.",
    ),
    Kind(
        "malformed-json",
        400,
        "Malformed JSON",
        "The body is no JSON by RFC 8259: empty, not UTF-8, cut off, with NaN or Infinity, or with a key "
        "that stands twice in one object.",
        "Send the body as one JSON value in UTF-8; `detail` says where reading stopped.",
    ),
    Kind(
        "unauthorized",
        401,
        "Token missing or not accepted",
        "The request has no bearer token, or the token has expired, is not for this service, or is not "
        "signed by the bank's identity provider.",
        "Send a token of the bank's identity provider: Authorization: Bearer …; see docs/access.md.",
    ),
    Kind(
        "forbidden",
        403,
        "Not allowed for this role",
        "The token is good, but its role may not use this route.",
        "Ask whoever keeps the bank's roles; serve/auth/policy.py says which role may use which route.",
    ),
    Kind(
        "unknown-address",
        404,
        "Unknown address",
        "No route has this address. A slash at the end, or one in a number that is not sent as %2F, makes "
        "another address.",
        "Compare the address with /openapi.json.",
    ),
    Kind(
        "unknown-customer",
        404,
        "Unknown customer",
        "The run has no customer of this number, or the caller does not reach the customer; the answer does "
        "not say which.",
        "Check the number. New customers appear after the next weekly run.",
    ),
    Kind(
        "unknown-manager",
        404,
        "Unknown manager",
        "The run has no manager of this number, or the caller does not reach the manager.",
        "Check the number. New managers appear after the next weekly run.",
    ),
    Kind(
        "unknown-branch",
        404,
        "Unknown branch",
        "The run has no branch of this number, or the caller does not reach the branch.",
        "Check the number. New branches appear after the next weekly run.",
    ),
    Kind(
        "unknown-figures",
        404,
        "No such figures",
        "The run was published without them, as some need data that a bank may not deliver; or it has no "
        "branch of this number, or the caller does not reach the branch.",
        "GET /v1/branches lists the branches; docs/figures.md says what each content needs.",
    ),
    Kind(
        "unknown-campaign",
        404,
        "Unknown campaign",
        "There is no campaign of this number, or the caller does not reach it.",
        "GET /v1/campaigns lists the campaigns within reach.",
    ),
    Kind(
        "unknown-run",
        404,
        "Unknown run",
        "The store has no such run, or no longer.",
        "Use `latest`, or a run_id from GET /v1/runs.",
    ),
    Kind(
        "unknown-card",
        404,
        "No model card",
        "The run was published without a card of its model.",
        "Ask for the card of another run: GET /v1/runs lists them.",
    ),
    Kind(
        "unknown-problem",
        404,
        "Unknown kind of problem",
        "No error answer has this type.",
        "GET /problems lists every kind.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "Method not allowed",
        "The address exists, but not with this method.",
        "Use one of the methods in the header Allow.",
    ),
    Kind(
        "not-acceptable",
        406,
        "No acceptable content type",
        "The header Accept excludes every content type that this route has.",
        "Send Accept: */*, or one of the types named in `detail`.",
    ),
    Kind(
        "body-too-slow",
        408,
        "Body too slow",
        "The body did not arrive within ATTRITION_BODY_SECONDS.",
        "Send the whole body at once.",
    ),
    Kind(
        "key-reused",
        409,
        "Idempotency key used for something else",
        "An entry under this key is recorded already, and it differs from the one sent.",
        "Send this entry under a key of its own; only the very same one may be sent again.",
    ),
    Kind(
        "own-campaign",
        409,
        "Approval by its author",
        "Whoever proposed a campaign can neither approve nor refuse it.",
        "Ask a second person, or withdraw it.",
    ),
    Kind(
        "campaign-decided",
        409,
        "Campaign already decided about",
        "The state of the campaign, which `detail` names, does not allow this decision.",
        "GET /v1/campaigns/{campaign_id} shows the state and who decided.",
    ),
    Kind(
        "run-gone",
        410,
        "Run gone",
        "The run of a cursor, or of `since`, is no longer in the store, or was published anew.",
        "Begin again without the cursor, or with a full export; GET /v1/runs lists the runs.",
    ),
    Kind(
        "body-too-large",
        413,
        "Body too large",
        "The body has more than ATTRITION_LARGEST_BODY bytes.",
        "Send less at once: fewer entries in each request.",
    ),
    Kind(
        "wrong-content-type",
        415,
        "Wrong content type",
        "The body of this route is JSON in UTF-8 without compression, and its headers say something else.",
        "Send Content-Type: application/json, and no Content-Encoding.",
    ),
    Kind(
        "wrong-host",
        421,
        "Wrong host name",
        "The header Host names no name of the service.",
        "Call the service by a name that ATTRITION_HOSTS lists.",
    ),
    Kind(
        "invalid-request",
        422,
        "Invalid request",
        "A field of the body, a parameter or a header breaks a rule of /openapi.json. `errors` has one entry "
        "per fault.",
        CORRECT,
    ),
    Kind(
        "unknown-parameter",
        422,
        "Unknown query parameter",
        "The query has a parameter that this route does not have, or one twice that may be there once.",
        "Correct or remove the parameter named in `detail`.",
    ),
    Kind(
        "too-many-requests",
        429,
        "Too many requests",
        "The caller has sent more requests than ATTRITION_RATE, or ATTRITION_RATE_CRM, allows in its window.",
        "Wait for Retry-After seconds; the headers RateLimit-Policy and RateLimit tell the limit beforehand.",
    ),
    Kind(
        "too-many-exports",
        429,
        "Too many exports at once",
        "ATTRITION_EXPORTS of the caller, or ATTRITION_EXPORTS_OF_ALL, are under way.",
        "Let an export end, then ask again after at least Retry-After seconds.",
    ),
    Kind(
        "headers-too-large",
        431,
        "Address or headers too large",
        "The address and the headers have more bytes, or there are more headers, than the service reads.",
        "Send shorter or fewer headers.",
    ),
    Kind(
        "internal-error",
        500,
        "Internal error",
        "The service failed. Nothing was changed.",
        "Tell whoever runs the service the X-Request-ID of the answer; the log says more.",
    ),
    Kind(
        "format-not-installed",
        501,
        "Format not installed",
        "Parquet is written by pyarrow, which is not installed beside the service.",
        "Ask for format=ndjson or format=csv, or install pyarrow beside the service.",
    ),
    Kind(
        "unavailable",
        503,
        "Service unavailable",
        "The service is stopping, the access log cannot be written, or the answer took too long.",
        f"{_AGAIN} If it stays so, whoever runs the service finds the cause in its log.",
    ),
    Kind(
        "no-run",
        503,
        "No run to serve",
        "No run has been published, or the score store cannot be read.",
        "Publish a run with make weekly. If there is one, the log of the service has the cause.",
    ),
    Kind(
        "store-busy",
        503,
        "Store is being written",
        "A run is being published, and the store takes one writer at a time. Nothing was recorded.",
        _AGAIN,
    ),
)
KINDS = {kind.name: kind for kind in _KINDS}
_OF_STATUS = {kind.status: kind for kind in reversed(_KINDS)}
_NOUN = re.compile(r"no such (\w+)")


def kind_of(status: int, detail: str) -> Kind:
    """The kind of an error. Of a 404 the noun decides: "The run knows no such manager." """
    noun = _NOUN.search(detail) if status == 404 else None
    named = KINDS.get(f"unknown-{noun[1]}") if noun else None
    return named or _OF_STATUS.get(status) or _OF_STATUS[422 if status < 500 else 500]


class Refusal(HTTPException):
    """A refusal of a kind that its status alone does not tell, or with its faults one by one.

    A fault is ``{"pointer" or "parameter": where, "detail": what}``.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        headers: dict[str, str] | None = None,
        faults: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(KINDS[kind].status, detail, headers)
        self.kind = KINDS[kind]
        self.faults = tuple(faults)
