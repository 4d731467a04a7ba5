"""One thread does what many ask for: what comes while it is busy waits, and is then done all at once."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Done = TypeVar("Done")


class Together(Generic[Asked, Done]):
    """Nothing is delayed on purpose: who comes alone is served alone. Close it."""

    def __init__(self, name: str, work: Callable[[list[Asked]], Sequence[Done]]) -> None:
        """``work`` gives one result for each that is asked, in their order; what it raises is everybody's."""
        self._work = work
        self._thread = ThreadPoolExecutor(1, name)
        self._waiting: list[tuple[Asked, asyncio.Future[Done]]] = []
        self._working: asyncio.Task[None] | None = None

    async def do(self, one: Asked) -> Done:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Done] = loop.create_future()
        self._waiting.append((one, done))
        if self._working is None:
            self._working = loop.create_task(self._work_off())
        return await done

    def close(self) -> None:
        self._thread.shutdown()

    async def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                shared, self._waiting = self._waiting, []
                waiting = [done for _, done in shared]
                try:
                    results = await loop.run_in_executor(self._thread, self._work, [one for one, _ in shared])
                    told = list(zip(waiting, results, strict=True))
                except Exception as error:  # whatever it is, it belongs to those who wait
                    _refuse(waiting, error)
                else:
                    _tell(told)
        finally:
            self._working = None


def _tell(told: Sequence[tuple[asyncio.Future[Done], Done]]) -> None:
    """Those who have gone meanwhile are passed over."""
    for done, result in told:
        if not done.done():
            done.set_result(result)


def _refuse(waiting: Sequence[asyncio.Future[Done]], error: Exception) -> None:
    for done in waiting:
        if not done.done():
            done.set_exception(error)
