import asyncio
import threading

import pytest

from proxy.engine import patience
from proxy.engine.patience import Patience, busy


@pytest.mark.parametrize(
    ("strict", "own", "commits", "asking", "spent", "late", "stored"),
    [
        (False, False, [1, 1], True, 0.001, 0, False),  # the store stands still
        (False, False, [1, 1], False, 0.0, 0, None),  # this process does
        (False, False, [0, 0], True, 0.0, 0, None),  # the first commit takes its time
        (False, False, [1, 2], True, 0.0, 0, None),  # it is only busy
        (False, False, [1, 1], True, 0.03, 0, None),  # busy with one commit
        (False, False, [1, 1], True, 0.0, 200_000, None),  # or others have the processor
        (True, False, [1, 1], True, 0.0, 0, None),  # without its record an answer is of no use
        (True, True, [1, 1], True, 0.0, 0, False),  # but a refusal is
    ],
)
async def test_who_waits_on_after_a_while(
    *,
    strict: bool,
    own: bool,
    commits: list[int],
    asking: bool,
    spent: float,
    late: int,
    stored: bool | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "BUDGET", 0.0)
    counts = iter([*commits, 3])
    processor = iter([1.0, 1.0 + spent, 2.0])
    now = iter([9_000_000, 9_000_000, *[9_000_001 + late] * 9])
    monkeypatch.setattr(patience, "ticks", lambda: next(now))
    watched = Patience(lambda: next(counts), lambda: asking, strict, lambda: next(processor))
    waiter = asyncio.get_running_loop().create_future()
    watched.watch(waiter, own=own)
    watched._look()
    assert (waiter.result() if waiter.done() else None) is stored


@pytest.mark.parametrize(("last", "waits"), [(26, True), (31, False)])
async def test_a_writer_at_work_is_waited_for_longer(
    *, last: int, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BUDGET", 100.0)  # the loop does not look by itself
    clock = [1_000_000_000]
    monkeypatch.setattr(patience, "ticks", lambda: clock[0])
    watched = Patience(lambda: 1, lambda: True, strict=False, spent=lambda: clock[0] / 1e6)
    waiter = asyncio.get_running_loop().create_future()
    watched.watch(waiter)
    for second in range(4, last, 4):
        clock[0] = 1_000_000_000 + second * 1_000_000
        watched._look()
        assert not waiter.done()
    clock[0] = 1_000_000_000 + last * 1_000_000
    watched._look()
    assert waiter.done() is not waits


async def test_a_writer_that_does_nothing_is_not_waited_for_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "BUDGET", 100.0)
    clock = [1_000_000_000]
    monkeypatch.setattr(patience, "ticks", lambda: clock[0])
    watched = Patience(lambda: 0, lambda: False, strict=False, spent=lambda: 0.0)
    waiter = asyncio.get_running_loop().create_future()
    watched.watch(waiter)
    clock[0] += 4_900_000
    watched._look()
    assert not waiter.done()
    clock[0] += 200_000
    watched._look()
    assert waiter.result() is False


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BUDGET", 0.0)
    monkeypatch.setattr(patience, "LIMIT", 0.0)
    watched = Patience(lambda: 0, lambda: True, strict=True, spent=lambda: 0.0)
    waiter = asyncio.get_running_loop().create_future()
    watched.watch(waiter)
    async with asyncio.timeout(10):
        assert not await waiter
    assert watched.waits.count == 1


def test_the_processor_that_a_thread_has_had() -> None:
    works, enough = threading.Event(), threading.Event()

    def work() -> None:
        while not enough.is_set():
            works.set()

    thread = threading.Thread(target=work)
    assert busy(thread) == 0.0
    thread.start()
    assert works.wait(10)
    while busy(thread) < 0.001:
        pass
    enough.set()
    thread.join()
    assert busy(thread) == 0.0
