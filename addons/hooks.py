"""Hooks of our own: a layer yields one to wait for something asynchronous, and is resumed after.

mitmproxy runs a blocking hook in a task and keeps the layer's events in order meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mitmproxy.proxy.commands import StartHook


@dataclass
class WaitHook(StartHook):  # type: ignore[no-untyped-call]  # mitmproxy's __init_subclass__
    """Calls `work` and waits for it; the layer goes on when it is done."""

    work: Callable[[], Awaitable[object]]


@dataclass
class WaitRecord(StartHook):  # type: ignore[no-untyped-call]  # mitmproxy's __init_subclass__
    """Waits for `stored`; the layer goes on when it is done."""

    stored: asyncio.Future[bool]
