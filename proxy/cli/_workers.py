"""Several processes that share a service's ports: started, watched, stopped together."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from proxy.cli._stopping import NOW, Told
from proxy.engine.ports import bound, port_of

if TYPE_CHECKING:
    from proxy.config import HostPort

_TOLD = (signal.SIGINT, signal.SIGTERM)

type Work = Callable[[int, int], int]

_TOO_SOON = 2.0  # seconds: a worker that fails earlier would fail again


def reserved(where: "HostPort") -> tuple["HostPort", Sequence[socket.socket]]:
    """An address that nobody else listens on, with its port; the sockets keep it for the workers.

    Raises ListenError.
    """
    alone = bound(where.host, where.port)  # not shared: fails if somebody is there
    number = port_of(alone)
    for each in alone:
        each.close()
    kept = bound(where.host, number, shared=True, listens=False)
    return where._replace(port=port_of(kept)), kept


def supervise(count: int, work: Work) -> int:
    """Runs `work` in `count` processes until told to stop; starts those again that die.

    `work` gets a number, 0 for the one that speaks for all, and a pipe that ends with this process.
    In a worker this returns what `work` returned.
    """
    workers = _Workers(work)
    for number in range(count):
        if (code := workers.start(number)) is not None:
            return code
    for one in _TOLD:
        signal.signal(one, workers.stop)
    while workers.born:
        if workers.ended(*os.wait()) and (code := workers.start(count)) is not None:
            return code
    return workers.worst


class _Workers:
    """Processes by id, with when they were born; `worst` is the exit code that counts."""

    def __init__(self, work: Work) -> None:
        self.born: dict[int, float] = {}
        self.worst = 0
        self._work = work
        self._stopping = False
        self._told = Told()
        self._alive, self._ours = os.pipe()

    def start(self, number: int) -> int | None:
        """One more; in it, its exit code."""
        pid = os.fork()
        if pid == 0:
            os.close(self._ours)
            for one in _TOLD:
                signal.signal(one, signal.SIG_DFL)  # until it has handlers of its own
            return self._work(number, self._alive)
        self.born[pid] = time.monotonic()
        if self._stopping:  # the signal came while it was being born
            os.kill(pid, signal.SIGTERM)
        return None

    def stop(self, *_signal: object) -> None:
        """Tells all of them; told once more, that it must be now."""
        self._stopping = True
        number = NOW if self._told.again() else signal.SIGTERM
        for pid in self.born:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, number)

    def ended(self, pid: int, status: int) -> bool:
        """One has; whether another is to take its place."""
        code = os.waitstatus_to_exitcode(status)  # below zero: a signal
        soon = time.monotonic() - self.born.pop(pid) < _TOO_SOON
        if self._stopping:
            self.worst = max(self.worst, abs(code) if -code not in _TOLD else 0)
        elif code > 0 and soon:
            self.worst = code
            self.stop()
        else:
            said = f"a worker ended with {code}; another takes its place"
            print(f"dashcam: {said}", file=sys.stderr, flush=True)
        return not self._stopping
