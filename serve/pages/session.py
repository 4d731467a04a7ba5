"""Sessions: a token in a cookie that no script can read, and forms that only our own pages can send.

A form is sealed for the cookie of whom it was drawn for, so that no other site can make it (CSRF).
"""

import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, HTTPException, Request, Response

from configs.service import LOOPBACK, ServiceSettings

LONGEST_TOKEN = 3_800  # characters; browsers keep cookies of up to 4,096 bytes, name included
LARGEST_FORM = 16_384  # bytes
SEALED = "form"
# Printable ASCII without a backslash, and no second slash first.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")

Fields = dict[str, str]


def cookie_name(settings: ServiceSettings, kind: str) -> str:
    """``session``, or ``visit`` before signing in. Browsers take ``__Host-`` by TLS from this host alone."""
    return f"attrition-{kind}" if settings.demo else f"__Host-attrition-{kind}"


def kept(request: Request, kind: str) -> str:
    """The value of a cookie; empty without one."""
    return request.cookies.get(cookie_name(request.app.state.settings, kind), "")


def keep(request: Request, response: Response, kind: str, value: str) -> None:
    """Sets a cookie until the browser closes; without TLS only for the demo on this machine."""
    settings = request.app.state.settings
    plain = settings.demo and request.url.hostname in {host.strip("[]") for host in LOOPBACK}
    response.set_cookie(
        cookie_name(settings, kind), value, secure=not plain, httponly=True, samesite="strict", path="/"
    )


def forget(request: Request, response: Response, kind: str) -> None:
    name = cookie_name(request.app.state.settings, kind)
    response.delete_cookie(
        name, secure=name.startswith("__Host-"), httponly=True, samesite="strict", path="/"
    )


def local_path(wanted: str) -> str:
    """A path on this service, whatever was asked for.

    >>> local_path("/customers/c1?run=r"), local_path("//evil.example"), local_path("https://evil.example")
    ('/customers/c1?run=r', '/', '/')
    """
    return wanted if _LOCAL.fullmatch(wanted) and not urlsplit(wanted).netloc else "/"


async def sent_here(request: Request) -> Fields:
    """The fields of a form. Raises HTTPException: 403 where a browser says another site sent it, 413, 422."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise HTTPException(403, "The form was sent from another site.")
    if not request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(422, "The body is not a form.")
    body = await request.body()
    if len(body) > LARGEST_FORM:
        raise HTTPException(413, "The form is too large.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise HTTPException(422, "The form cannot be read.") from None
    return dict(pairs)


async def posted(request: Request) -> Fields:
    """The fields of a form drawn for this very session. Raises HTTPException 403 for any other."""
    fields = await sent_here(request)
    cookie = kept(request, "session") or kept(request, "visit")
    if not cookie or request.app.state.forms.open(fields.get("seal", ""), cookie) != SEALED:
        raise HTTPException(403, "The form is not one of this session.")
    return fields


SentHere = Annotated[Fields, Depends(sent_here)]
Posted = Annotated[Fields, Depends(posted)]
