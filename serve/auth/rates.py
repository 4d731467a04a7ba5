"""The limits of a caller: requests a minute and exports at once, counted by each worker for itself."""

import math
import time
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

from fastapi import HTTPException

from configs.service import ServiceSettings
from serve.auth.policy import Role
from serve.auth.tokens import Caller
from serve.http.problem_kinds import Refusal

EXPORT_RETRY_SECONDS = 10
REMEMBERED = 10_000  # windows; then those that have ended are forgotten
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


class Rates:
    """Counts requests by caller, in windows that begin with the first request."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._people, self._crm = _parsed(settings.rate), _parsed(settings.rate_crm)
        self._windows: dict[tuple[Role, str], tuple[float, int]] = {}  # ends, in time.monotonic; requests

    def count(self, caller: Caller, state: MutableMapping[str, Any]) -> None:
        """Notes in a request's ``state`` the headers that say what is left of the rate, whatever is answered.

        Raises HTTPException 429 for the first request too many, saying when to ask again.
        """
        most, length = self._crm if caller.role is Role.CRM else self._people
        at, key = time.monotonic(), (caller.role, caller.subject)
        ends, before = self._windows.get(key, (0.0, 0))
        if ends <= at:
            ends, before = at + length, 0
            if len(self._windows) >= REMEMBERED:
                self._windows = {key: window for key, window in self._windows.items() if window[0] > at}
        self._windows[key] = ends, before + 1
        seconds = math.ceil(ends - at)
        # By draft-ietf-httpapi-ratelimit-headers: q requests in w seconds; r are left, for t seconds.
        state["rate"] = [
            (b"ratelimit-policy", b'"caller";q=%d;w=%d' % (most, length)),
            (b"ratelimit", b'"caller";r=%d;t=%d' % (max(0, most - before - 1), seconds)),
        ]
        if before >= most:
            raise HTTPException(429, f"More than {most} requests.", {"Retry-After": str(seconds)})


def _parsed(rate: str) -> tuple[int, int]:
    """
    >>> _parsed("600/minute")
    (600, 60)
    """
    most, _, unit = rate.partition("/")
    return int(most), _SECONDS[unit]


class Exports:
    """Exports under way, by caller. Each holds a connection of the store and some megabytes until it ends."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._most, self._most_of_all = settings.exports, settings.exports_of_all
        self._under_way: Counter[tuple[Role, str]] = Counter()

    def begin(self, caller: Caller) -> None:
        """Raises HTTPException 429 for one too many; who began one has to ``end`` it."""
        by_caller, total = self._under_way[caller.role, caller.subject], self._under_way.total()
        if by_caller >= self._most or total >= self._most_of_all:
            whose = f"{by_caller} of this caller" if by_caller >= self._most else f"{total} of all callers"
            detail = f"Too many exports at once: {whose} are under way."
            raise Refusal("too-many-exports", detail, {"Retry-After": str(EXPORT_RETRY_SECONDS)})
        self._under_way[caller.role, caller.subject] += 1

    def end(self, caller: Caller) -> None:
        self._under_way -= Counter([(caller.role, caller.subject)])  # which keeps none that is at zero
