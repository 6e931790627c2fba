"""Tells the recording process what passes, without ever holding it up."""

import fcntl
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from proxy.engine.clock import ticks
from proxy.mcp.framing import CLIENT, OVER, SERVER, STOPPED, Passed, Stop, message

_PIPE = 1 << 20  # bytes; what is in the pipe is safe even if this process is killed
_MAX_WAITING = 256 * 1024 * 1024  # bytes; beyond it the recording is given up
_NICE = 10  # the messages come first
_STOP = 10.0  # seconds that the end of the recording is waited for


class Feed:
    """The writing end; `lost` says why something was not recorded."""

    def __init__(self, sink: int, pid: int) -> None:
        self.lost: str | None = None
        self._sink = sink
        self._pid = pid
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._start = ticks()
        self._thread = threading.Thread(target=self._write, name="mcp-feed", daemon=True)

    @classmethod
    def fork(cls, record: Callable[[int], None]) -> Self:
        """Starts `record`, given the reading end, in a process that outlives this one.

        To be called before any thread is started.
        """
        source, sink = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):  # more than this user may have
                fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, _PIPE)
        pid = os.fork()
        if pid == 0:
            _become(source, sink, record)
        os.close(source)
        feed = cls(sink, pid)
        feed._thread.start()
        return feed

    def tell(self, from_client: bool, data: bytes) -> None:
        """Something has passed; no data: this side has ended."""
        self._put(CLIENT if from_client else SERVER, data)

    def stopped(self, stop: Stop) -> None:
        """Calls were stopped by a schema."""
        self._put(STOPPED, stop.pack())

    def finish(self, ended: str) -> None:
        """The connection is over, because of what `ended` says; waits until all is recorded."""
        self._put(OVER, ended.encode())
        self._queue.put(None)
        self._thread.join(_STOP)
        waiting = threading.Thread(target=self._reap, daemon=True)
        waiting.start()
        waiting.join(_STOP)

    def _put(self, what: int, data: bytes) -> None:
        if self.lost is not None:
            return
        with self._lock:
            item = message(Passed(ticks() - self._start, what, data))
            self._waiting += len(item)
            if self._waiting > _MAX_WAITING:
                self.lost = f"more than {_MAX_WAITING >> 20} MiB wait to be recorded"
                return
            self._queue.put(item)

    def _write(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                view = memoryview(item)
                while view:
                    view = view[os.write(self._sink, view) :]
                with self._lock:
                    self._waiting -= len(item)
        except OSError:
            self.lost = "the recording process has ended"
        os.close(self._sink)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _become(source: int, sink: int, record: Callable[[int], None]) -> None:
    """In the new process: lets go of the client's pipes and its signals, records, and ends."""
    code = 1
    try:
        os.setsid()
        os.nice(_NICE)
        os.close(sink)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        record(source)
        code = 0
    finally:
        os._exit(code)
