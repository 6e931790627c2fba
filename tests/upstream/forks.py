"""Starts `dashcam` without the seconds of imports: forked off a process that has loaded everything.

What comes of it is a process like any other, with an id, a folder, an environment, files, signals
and an exit code of its own, in which the console script's function runs from its first line. From
nothing Dashcam is started by tests/demo/test_story.py, tests/cli/test_mcp.py and e2e/test_kill.py.

As a program, `forks.py PATH ARGUMENTS` is `dashcam ARGUMENTS` by way of the loader at PATH: for
what is given a command line to start Dashcam with.
"""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NUMBER = struct.Struct("!i")
STANDARD = (0, 1, 2)
READY = b"+"


class Forked:
    """A process that was started: of subprocess.Popen what is used here."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        files: tuple[int, int, int],
        path: str | None = None,
    ) -> None:
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(path or loader())
        socket.send_fds(self._line, [READY], files)
        self._line.sendall(json.dumps([list(arguments), str(cwd), dict(env)]).encode())
        self._line.shutdown(socket.SHUT_WR)
        self.pid = self._number()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; below zero the signal that ended it. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"dashcam, process {self.pid}", timeout or 0.0)
            with self._line:
                self.returncode = self._number()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        if self.returncode is None:
            os.kill(self.pid, number)

    def _number(self) -> int:
        data = self._line.recv(NUMBER.size, socket.MSG_WAITALL)
        assert len(data) == NUMBER.size, "the loader has ended"
        return int(NUMBER.unpack(data)[0])


@functools.cache
def loader() -> str:
    """The socket of this process's loader, which ends with it."""
    folder = tempfile.TemporaryDirectory(prefix="dashcam-")
    path = str(Path(folder.name) / "loader")
    unwanted = ("DASHCAM_", "PYTHONDONTWRITE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.upstream.loader", path],
        cwd=ROOT,
        env={**env, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.read(len(READY)) == READY

    def end() -> None:
        process.communicate()  # the end of its input is its end
        folder.cleanup()

    atexit.register(end)
    return path


def command_line() -> list[str]:
    """What starts `dashcam` as a fork, for those who are given a command line."""
    return [sys.executable, "-IS", __file__, loader()]


def _call(path: str, arguments: Sequence[str]) -> int:
    process = Forked(arguments, cwd=Path.cwd(), env=os.environ, files=STANDARD, path=path)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: process.send_signal(received))
    return process.wait()


if __name__ == "__main__":
    sys.exit(_call(sys.argv[1], sys.argv[2:]))
