"""Runs a stdio MCP server in the middle: bytes pass at once and untouched, and are told of.

stderr is the server's own; signals and the exit code pass as they do for every recorded command.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from proxy.launch.child import BY_SIGNAL, run_child

type Tell = Callable[[bool, bytes], None]  # from the client?, what passed; b"" is the end
type Pump = Callable[[int, int, bool], None]  # from where, where to, from the client?

_READ = 1 << 16
_LAST_WORDS = 2.0  # seconds for output that is still in the pipe when the server has ended


class Ended(NamedTuple):
    """How the server ended: with an exit code as `run_child` gives it."""

    code: int

    @property
    def how(self) -> str:
        """In words."""
        if self.code > BY_SIGNAL:
            return f"signal {self.code - BY_SIGNAL}"
        return f"exit code {self.code}"


class Pipe(NamedTuple):
    """Two ends of a pipe, as file descriptors."""

    read: int
    write: int


def pass_through(
    argv: Sequence[str],
    env: Mapping[str, str],
    tell: Tell,
    *,
    pump: Pump | None = None,
    stdin: int = 0,
    stdout: int = 1,
) -> Ended:
    """Runs `argv` between our stdin and stdout until it ends.

    `tell` is called in the threads that pass the bytes, before they are passed: what answers them
    is told later, whichever thread it comes by. A `pump` of one's own passes them in place of ours,
    and tells of them itself.
    """
    to_server, from_server = Pipe(*os.pipe()), Pipe(*os.pipe())
    passes = pump or partial(_pump, tell)
    up = threading.Thread(target=passes, args=(stdin, to_server.write, True), daemon=True)
    down = threading.Thread(target=passes, args=(from_server.read, stdout, False), daemon=True)
    up.start()
    down.start()
    code = asyncio.run(_run(argv, env, to_server, from_server))
    down.join(_LAST_WORDS)
    return Ended(code)


async def _run(
    argv: Sequence[str], env: Mapping[str, str], to_server: Pipe, from_server: Pipe
) -> int:
    try:
        return await run_child(argv, env, stdin=to_server.read, stdout=from_server.write)
    finally:  # while we hold these, neither side sees that the server has ended
        os.close(to_server.read)
        os.close(from_server.write)


def _pump(tell: Tell, source: int, sink: int, from_client: bool) -> None:
    """Passes bytes on until their end, or until nobody takes them."""
    with suppress(OSError):  # the reader is gone: so is the writer, as in any pipeline
        while data := os.read(source, _READ):
            tell(from_client, data)  # before it can be answered
            write(sink, data)
    tell(from_client, b"")
    with suppress(OSError):
        os.close(sink if from_client else source)


def write(sink: int, data: bytes) -> None:
    """All of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]
