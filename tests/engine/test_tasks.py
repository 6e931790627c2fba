import asyncio
import logging

import pytest

from proxy.engine import tasks


async def test_a_task_is_kept_until_it_is_done() -> None:
    started = asyncio.Event()
    gate = asyncio.Event()

    async def work() -> str:
        started.set()
        await gate.wait()
        return "done"

    task = tasks.spawn(work(), "work")
    await started.wait()
    assert task in tasks._running
    gate.set()
    assert await task == "done"
    await asyncio.sleep(0)
    assert task not in tasks._running


async def test_a_failure_is_heard_of(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR):
        await asyncio.wait([tasks.spawn(work(), "sad work")])
        await asyncio.sleep(0)
    assert "sad work failed: ValueError" in caplog.text
