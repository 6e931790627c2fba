import asyncio
import threading

import pytest

from proxy.engine import patience
from proxy.engine.patience import Patience, spent_by


@pytest.mark.parametrize(
    ("strict", "own", "commits", "asking", "spent", "late", "stored"),
    [
        (False, False, [1, 1], True, 0.001, 0, False),  # the store stands still
        (False, False, [1, 1], False, 0.0, 0, None),  # this process does
        (False, False, [0, 0], True, 0.0, 0, None),  # the first commit takes its time
        (False, False, [1, 2], True, 0.0, 0, None),  # it is only busy
        (False, False, [1, 1], True, 0.01, 0, None),  # busy with one commit
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
    now = iter([5_000_000, 5_000_000, *[5_000_001 + late] * 9])
    monkeypatch.setattr(patience, "ticks", lambda: next(now))
    watched = Patience(lambda: next(counts), lambda: asking, strict, lambda: next(processor))
    waiter = asyncio.get_running_loop().create_future()
    watched.watch(waiter, own=own)
    watched._look()
    assert (waiter.result() if waiter.done() else None) is stored


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
    assert spent_by(thread) == 0.0
    thread.start()
    assert works.wait(10)
    while not spent_by(thread):
        pass
    enough.set()
    thread.join()
    assert spent_by(thread) == 0.0
