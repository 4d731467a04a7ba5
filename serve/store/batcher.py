"""Requests of many, worked off in batches: what comes during one batch waits for the next."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from serve.store.database import BusyError

Asked = TypeVar("Asked")
Done = TypeVar("Done")


class Batcher(Generic[Asked, Done]):
    """Nothing is delayed on purpose: who comes alone is served alone. Close it."""

    def __init__(
        self,
        work: Callable[[list[Asked]], Sequence[Done]],
        thread: str,
        at_once: Callable[[list[Asked]], Sequence[Done]] | None = None,
    ) -> None:
        """``work`` gives one result for each that is asked, in their order; what it raises is everybody's.

        It runs in a thread of this name. Where handing it over would take longer than the work, ``at_once``
        does it on the event loop. It waits for nobody; where it raises BusyError the thread does the work.
        """
        self._work, self._at_once = work, at_once
        self._thread = ThreadPoolExecutor(1, thread)
        self._waiting: list[tuple[Asked, asyncio.Future[Done]]] = []
        self._working: asyncio.Task[None] | None = None

    async def do(self, request: Asked) -> Done:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Done] = loop.create_future()
        self._waiting.append((request, done))
        if self._working is None:
            self._working = loop.create_task(self._work_off())
        return await done

    def close(self) -> None:
        self._thread.shutdown()

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._gathered()
                shared, self._waiting = self._waiting, []
                waiting = [done for _, done in shared]
                try:
                    results = await self._done([request for request, _ in shared])
                    answered = list(zip(waiting, results, strict=True))
                except Exception as error:  # whatever it is, it belongs to those who wait
                    for done in waiting:
                        if not done.done():
                            done.set_exception(error)
                else:
                    for done, result in answered:
                        if not done.done():  # those who have gone meanwhile are passed over
                            done.set_result(result)
        finally:
            self._working = None

    async def _gathered(self) -> None:
        """Until a turn of the event loop brings nobody more: whoever is about to ask has then done so."""
        before = 0
        while len(self._waiting) > before:
            before = len(self._waiting)
            await asyncio.sleep(0)

    async def _done(self, shared: list[Asked]) -> Sequence[Done]:
        if self._at_once:
            with suppress(BusyError):
                return self._at_once(shared)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, shared)
