import asyncio

import pytest

from proxy.engine import patience
from proxy.engine.patience import Patience


@pytest.mark.parametrize(
    ("strict", "own", "commits", "asking", "stored"),
    [
        (False, False, [1, 1], True, False),  # the store stands still
        (False, False, [1, 1], False, None),  # this process does
        (False, False, [0, 0], True, None),  # the first commit takes its time
        (False, False, [1, 2], True, None),  # it is only busy
        (True, False, [1, 1], True, None),  # without its record an answer is of no use
        (True, True, [1, 1], True, False),  # but a refusal is
    ],
)
async def test_who_waits_on_after_a_while(
    *,
    strict: bool,
    own: bool,
    commits: list[int],
    asking: bool,
    stored: bool | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "BUDGET", 0.0)
    counts = iter([*commits, 3])
    watched = Patience(lambda: next(counts), lambda: asking, strict)
    waiter = asyncio.get_running_loop().create_future()
    watched.watch(waiter, own=own)
    watched._look()
    assert (waiter.result() if waiter.done() else None) is stored


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BUDGET", 0.0)
    monkeypatch.setattr(patience, "LIMIT", 0.0)
    watched = Patience(lambda: 0, lambda: True, strict=True)
    waiter = asyncio.get_running_loop().create_future()
    watched.watch(waiter)
    async with asyncio.timeout(10):
        assert not await waiter
    assert watched.waits.count == 1
