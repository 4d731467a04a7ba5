"""Answers that the caller already holds are not sent again (RFC 9110, If-None-Match)."""

from hashlib import sha256

from fastapi import Request, Response

_KEPT = ("etag", "cache-control", "attrition-warning")


def unless_known(request: Request, response: Response) -> Response:
    """The answer with its ETag, or a 304 without a body. An answer without one gets that of its bytes.

    Weak, because the same answer may be sent compressed or not.
    """
    if request.method != "GET" or response.status_code != 200:
        return response
    if "etag" not in response.headers:
        if response.media_type != "application/json":
            return response
        response.headers["ETag"] = tag_of(bytes(response.body))
    if response.headers["ETag"] not in _held(request):
        return response
    return Response(
        status_code=304, headers={name: response.headers[name] for name in _KEPT if name in response.headers}
    )


def tag_of(content: bytes) -> str:
    return f'W/"{sha256(content).hexdigest()[:32]}"'


def _held(request: Request) -> set[str]:
    """The tags that the caller names; compared weakly."""
    named = request.headers.get("If-None-Match", "").split(",")
    return {f"W/{one.strip().removeprefix('W/')}" for one in named}
