"""The rate limit of a caller: requests a minute, counted by each worker for itself."""

import math
import time

from fastapi import HTTPException
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from configs.service import ServiceSettings
from serve.auth.policy import Role
from serve.auth.tokens import Caller


class Rates:
    """Counts requests by caller, in windows that begin with the first request."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._people, self._crm = parse(settings.rate), parse(settings.rate_crm)

    async def count(self, caller: Caller) -> None:
        """Raises HTTPException 429 for the first request too many, saying when to ask again."""
        rate = self._crm if caller.role is Role.CRM else self._people
        if not await self._limiter.hit(rate, caller.role, caller.subject):
            window = await self._limiter.get_window_stats(rate, caller.role, caller.subject)
            seconds = max(1, math.ceil(window.reset_time - time.time()))
            raise HTTPException(429, f"More than {rate.amount} requests.", {"Retry-After": str(seconds)})
