"""A signed POST of JSON (Standard Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature)."""

import base64
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from configs.signing_keys import parse_keys
from pipeline.outward.attempts import LaterError

TIMEOUT_SECONDS = 5.0  # for each answer of the receiver's machine


@dataclass(frozen=True)
class Message:
    """What a receiver gets; it tells a copy by ``message_id``. ``at``: when what it tells of happened."""

    message_id: str
    kind: str
    at: datetime
    data: Any


class _NoRedirect(HTTPRedirectHandler):
    """What was signed for one address is not sent to another."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(address: str, message: Message, keys: Sequence[bytes], at: datetime) -> None:
    """Returns once the receiver has answered 2xx. Raises LaterError, which names no address."""
    request = request_of(address, message, keys, at)
    try:
        build_opener(_NoRedirect()).open(request, timeout=TIMEOUT_SECONDS).close()
    except HTTPError as error:
        error.close()
        raise LaterError(f"the receiver answered {error.code}") from None
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", None) or type(error).__name__
        raise LaterError(f"the receiver cannot be reached: {cause}") from None


def request_of(address: str, message: Message, keys: Sequence[bytes], at: datetime) -> Request:
    """The request, signed by each key: while one is replaced, a receiver may have either."""
    content = {
        "type": message.kind,
        "timestamp": f"{message.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "data": message.data,
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message.message_id.encode(), timestamp.encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "attrition-watch",
        "webhook-id": message.message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
    return Request(address, body, headers, method="POST")


def keys_of(variable: str) -> tuple[bytes, ...]:
    """The keys in a variable of the environment, which the receiver has too. Raises ConfigError."""
    return parse_keys(os.environ.get(variable, ""), variable)
