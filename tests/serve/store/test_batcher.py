"""What waits is done at once; a fault is everybody's who waited, and nobody's after."""

import asyncio
import threading

import pytest

from serve.store.batcher import Batcher
from serve.store.database import BusyError


def test_who_comes_meanwhile_shares_the_next_lot_and_gets_the_own_result():
    lots, go_on = [], threading.Event()

    def square(asked):
        lots.append(list(asked))
        go_on.wait()
        return [one * one for one in asked]

    async def ask():
        together = Batcher(square, "test")
        first = asyncio.create_task(together.do(1))
        while not lots:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(together.do(one)) for one in (2, 3, 4)]
        await asyncio.sleep(0)
        go_on.set()
        results = await asyncio.gather(first, *others)
        together.close()
        return results

    assert asyncio.run(ask()) == [1, 4, 9, 16]
    assert lots == [[1], [2, 3, 4]]


def test_a_fault_is_told_to_all_who_waited_and_the_next_lot_is_done():
    def invert(asked):
        return [1 / one for one in asked]

    async def ask():
        together = Batcher(invert, "test")
        failed = await asyncio.gather(together.do(0), together.do(1), return_exceptions=True)
        assert [type(one) for one in failed] == [ZeroDivisionError] * 2
        assert await together.do(2) == 0.5
        together.close()

    asyncio.run(ask())


def test_results_that_are_not_one_for_each_are_an_error():
    async def ask():
        together = Batcher(lambda _asked: [], "test")
        try:
            await together.do(1)
        finally:
            together.close()

    with pytest.raises(ValueError, match="zip"):
        asyncio.run(ask())


def test_what_comes_in_one_turn_of_the_event_loop_is_done_at_once_and_there_unless_it_is_busy():
    lots = []

    def at_once(asked):
        if 5 in asked:
            raise BusyError
        return square(asked)

    def square(asked):
        lots.append((list(asked), threading.current_thread()))
        return [one * one for one in asked]

    async def ask():
        together = Batcher(square, "test", at_once)
        results = await asyncio.gather(*(together.do(one) for one in (1, 2, 3)))
        results += [await together.do(4), await together.do(5)]
        together.close()
        return results

    assert asyncio.run(ask()) == [1, 4, 9, 16, 25]
    here = threading.current_thread()
    assert [asked for asked, _ in lots] == [[1, 2, 3], [4], [5]]
    assert [thread is here for _, thread in lots] == [True, True, False]


def test_who_comes_a_turn_of_the_event_loop_later_is_waited_for():
    lots = []

    async def ask():
        together = Batcher(lambda asked: lots.append(asked) or asked, "test")

        async def later():
            await asyncio.sleep(0)
            return await together.do(2)

        return await asyncio.gather(together.do(1), later())

    assert asyncio.run(ask()) == [1, 2]
    assert lots == [[1, 2]]
