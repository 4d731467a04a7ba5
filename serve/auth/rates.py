"""The limits of a caller: requests a minute and exports at once, counted by each worker for itself."""

import math
import time
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

from fastapi import HTTPException
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage

from configs.service import ServiceSettings
from serve.auth.policy import Role
from serve.auth.tokens import Caller
from serve.http.problem_kinds import Refusal

EXPORT_RETRY_SECONDS = 10


class Rates:
    """Counts requests by caller, in windows that begin with the first request."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._windows = MemoryStorage()
        self._people, self._crm = parse(settings.rate), parse(settings.rate_crm)

    async def count(self, caller: Caller, state: MutableMapping[str, Any]) -> None:
        """Notes in a request's ``state`` the headers that say what is left of the rate, whatever is answered.

        Raises HTTPException 429 for the first request too many, saying when to ask again.
        """
        rate = self._crm if caller.role is Role.CRM else self._people
        window = rate.key_for(caller.role, caller.subject)
        requests = await self._windows.incr(window, rate.get_expiry())
        seconds = max(1, math.ceil(await self._windows.get_expiry(window) - time.time()))
        state["rate"] = _headers(rate, max(0, rate.amount - requests), seconds)
        if requests > rate.amount:
            raise HTTPException(429, f"More than {rate.amount} requests.", {"Retry-After": str(seconds)})


def _headers(rate: RateLimitItem, remaining: int, seconds: int) -> list[tuple[bytes, bytes]]:
    """By draft-ietf-httpapi-ratelimit-headers: q requests in w seconds; r are left, for t seconds."""
    policy = f'"caller";q={rate.amount};w={rate.get_expiry()}'
    return [
        (b"ratelimit-policy", policy.encode()),
        (b"ratelimit", f'"caller";r={remaining};t={seconds}'.encode()),
    ]


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
