"""An alarm as a signed POST (Standard Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature)."""

import base64
import hmac
import json
import os
from datetime import UTC
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from configs.alarms import Alarm
from configs.errors import ConfigError
from configs.signing_keys import parse_key
from pipeline.context import Context

TIMEOUT_SECONDS = 5.0  # an alarm that has to wait is sent by the next command


class _NoRedirect(HTTPRedirectHandler):
    """What was signed for one address is not sent to another."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post_alarm(context: Context, alarm: Alarm) -> str:
    """Empty where the receiver answered 2xx, else why not."""
    try:
        request = request_of(context, alarm, _key())
        build_opener(_NoRedirect()).open(request, timeout=TIMEOUT_SECONDS).close()
    except ConfigError as error:
        return str(error)
    except HTTPError as error:
        error.close()
        return f"the receiver answered {error.code}"
    except (OSError, HTTPException) as error:
        return f"the receiver cannot be reached: {getattr(error, 'reason', None) or type(error).__name__}"
    return ""


def request_of(context: Context, alarm: Alarm, key: bytes) -> Request:
    """The signed request. A receiver tells a copy by webhook-id, and one sent again by another."""
    at = context.clock()
    sent = alarm.sent.get("webhook")
    message_id = f"{alarm.alarm_id}-{int(sent.timestamp())}" if sent else alarm.alarm_id
    body = json.dumps(_content(context, alarm), ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(int(at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "attrition-watch",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature(key, message_id, timestamp, body)}",
    }
    return Request(context.settings.alarms.webhook, body, headers, method="POST")


def _key() -> bytes:
    """The key that the receiver has too; the prefix is how Standard Webhooks writes one."""
    return parse_key(
        os.environ.get("ATTRITION_WEBHOOK_KEY", "").removeprefix("whsec_"), "ATTRITION_WEBHOOK_KEY"
    )


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Base64 of the HMAC-SHA256 over id, time and body, with points between them."""
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _content(context: Context, alarm: Alarm) -> dict[str, Any]:
    raised = alarm.raised_at or context.clock()
    return {
        "type": "alarm.raised",
        "timestamp": f"{raised.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "data": {
            "bank": context.settings.bank,
            **alarm.shown,
        },
    }
