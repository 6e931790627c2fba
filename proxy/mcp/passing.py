"""Runs a stdio MCP server in the middle: bytes pass at once and untouched, and are told of.

stderr is the server's own; signals and the exit code pass as they do for every recorded command.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from proxy.launch.child import BY_SIGNAL, run_child

type Tell = Callable[[bool, bytes], None]  # from the client?, what passed; b"" is the end

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
    argv: Sequence[str], env: Mapping[str, str], tell: Tell, *, stdin: int = 0, stdout: int = 1
) -> Ended:
    """Runs `argv` between our stdin and stdout until it ends.

    `tell` is called in the threads that pass the bytes, after they have been passed.
    """
    to_server, from_server = Pipe(*os.pipe()), Pipe(*os.pipe())
    up = threading.Thread(
        target=_pump, args=(stdin, to_server.write, tell), kwargs={"from_client": True}, daemon=True
    )
    down = threading.Thread(
        target=_pump,
        args=(from_server.read, stdout, tell),
        kwargs={"from_client": False},
        daemon=True,
    )
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


def _pump(source: int, sink: int, tell: Tell, *, from_client: bool) -> None:
    """Passes bytes on until their end, or until nobody takes them."""
    with suppress(OSError):  # the reader is gone: so is the writer, as in any pipeline
        while data := os.read(source, _READ):
            try:
                _write(sink, data)
            finally:
                tell(from_client, data)  # it was said, even if nobody was there to hear it
    tell(from_client, b"")
    with suppress(OSError):
        os.close(sink if from_client else source)


def _write(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]
