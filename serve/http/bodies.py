"""Bodies of requests: not too large and not too slow, whatever their headers say."""

import asyncio

from fastapi import HTTPException
from starlette.types import Message, Receive

TOO_LARGE = "The body is too large."
TOO_SLOW = "The body came too slowly."
CLOSE = {"Connection": "close"}


def bounded(receive: Receive, most: int, seconds: float) -> Receive:
    """``receive`` for at most so many bytes, all within so many seconds. Raises HTTPException 413 and 408."""
    loop = asyncio.get_running_loop()
    until, size, whole = loop.time() + seconds, 0, False

    async def receive_part() -> Message:
        nonlocal size, whole
        if whole:  # what comes now is only that the caller has gone
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, TOO_SLOW, CLOSE) from None
        size += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if size > most:
            raise HTTPException(413, TOO_LARGE, CLOSE)
        return message

    return receive_part
