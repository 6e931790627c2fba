"""Background tasks that are not lost to the garbage collector, and whose failures are heard of."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)
_running: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any], name: str, *, eager: bool = False) -> asyncio.Task[Any]:
    """Starts `work` and keeps a reference until it is done; an exception is logged.

    `eager` runs it at once, as far as it goes without waiting.
    """
    task = asyncio.Task(work, loop=asyncio.get_running_loop(), name=name, eager_start=eager)
    _running.add(task)
    if task.done():
        _done(task)
    else:
        task.add_done_callback(_done)
    return task


def _done(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()):
        _log.error("%s failed: %s", task.get_name(), type(error).__name__, exc_info=error)
