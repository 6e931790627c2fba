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

_AGAIN = 1.0  # seconds until one that failed before it served is tried again


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


def serves(line: int) -> None:
    """A worker says so once it does."""
    os.write(line, b"%d " % os.getpid())


def supervise(count: int, work: Work) -> int:
    """Runs `work` in `count` processes until told to stop; starts those again that die.

    `work` gets a number, 0 for the one that speaks for all, and a line that ends with this process,
    for `serves`. When one fails before any has, so would the next: all are stopped.
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
    """Processes by id; `worst` is the exit code that counts."""

    def __init__(self, work: Work) -> None:
        self.born: set[int] = set()
        self.worst = 0
        self._work = work
        self._stopping = False
        self._told = Told()
        self._alive, self._ours = socket.socketpair()
        self._ours.setblocking(False)
        self._served = b""  # the ids of those that have come so far

    def start(self, number: int) -> int | None:
        """One more; in it, its exit code."""
        pid = os.fork()
        if pid == 0:
            self._ours.close()
            for one in _TOLD:
                signal.signal(one, signal.SIG_DFL)  # until it has handlers of its own
            return self._work(number, self._alive.fileno())
        self.born.add(pid)
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
        self.born.remove(pid)
        with contextlib.suppress(BlockingIOError):
            self._served += self._ours.recv(1024)
        if self._stopping:
            self.worst = max(self.worst, abs(code) if -code not in _TOLD else 0)
        elif code > 0 and not self._served:
            self.worst = code
            self.stop()
        else:
            said = f"a worker ended with {code}; another takes its place"
            print(f"dashcam: {said}", file=sys.stderr, flush=True)
            if b"%d" % pid not in self._served.split():
                time.sleep(_AGAIN)  # what it lacked, such as the store, may be there again then
        return not self._stopping
