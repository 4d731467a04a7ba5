"""Logs as one JSON object a line, from which nobody's number, name, token or secret can be read.

Messages are written here and hold counts, names of routes and errors in our own words. What libraries write,
and what an exception says, may repeat what a request held; so whatever looks like one of these is
masked, of an exception only its kind and its place are told, and letters beyond ASCII (names) are left out.
"""

import re
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

MASK = "…"
_MASKED = re.compile(
    r"eyJ[\w-]+(?:\.[\w-]*){0,2}"  # a token
    r"|(?<=://)[^/@\s]+@"  # user and password in an address
    r"|(?i:bearer|basic)\s+\S+"
    r"|[A-Za-z0-9+/_-]{40,}={0,2}"  # a secret as hex or base64
    # a customer's number, a phone; not a date
    r"|(?<![\d-])[A-Za-z]{0,4}(?!\d{4}-\d\d-\d\d(?!\d))\d[\d -]{4,}\d"
    r"|[^\x20-\x7e]+"
)
_PLAIN = {"timestamp", "level", "logger"}  # written here, about nobody
Event = MutableMapping[str, Any]


def masked(_logger: Any, _method: str, event: Event) -> Event:
    """Every text of an event but the time and where it comes from."""
    return {name: value if name in _PLAIN else _mask(value) for name, value in event.items()}


def place_of_fault(_logger: Any, _method: str, event: Event) -> Event:
    """Of an exception its kind and the lines it went through; not its text."""
    exc_info = event.pop("exc_info", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event["fault"] = type(error).__name__
        event["through"] = [
            f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def _mask(value: Any) -> Any:
    if isinstance(value, list):
        return [_mask(part) for part in value]
    return _MASKED.sub(MASK, value) if isinstance(value, str) else value


def formatter() -> structlog.stdlib.ProcessorFormatter:
    """For whatever is logged by the standard library's loggers, ours and uvicorn's."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            place_of_fault,
            masked,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


# For logging.config.dictConfig, in each worker.
CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "serve.http.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
