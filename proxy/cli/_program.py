"""A command whose output is kept rather than shown."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

from proxy.launch.child import BY_SIGNAL, NOT_EXECUTABLE, NOT_FOUND

_GRACE = 5.0  # seconds between being asked to stop and being stopped


class Program:
    """Runs one command to its end, for at most `limit` seconds; nobody types into it."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.output = ""
        self.errors = ""
        self.late = False

    async def run(self, argv: Sequence[str], env: Mapping[str, str]) -> int:
        """The exit code, as `run_child` gives it; the children of a late one are ended too."""
        pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, env=dict(env), stdin=none, stdout=pipe, stderr=pipe, start_new_session=True
            )
        except OSError as error:
            self.errors = f"{argv[0]}: {error.strerror or error}"
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        reading = asyncio.ensure_future(process.communicate())
        try:
            done, _ = await asyncio.wait([reading], timeout=self._limit)
            if not done:
                self.late = True
                _signal(process, signal.SIGTERM)
                await asyncio.wait([reading], timeout=_GRACE)
        finally:
            _signal(process, signal.SIGKILL)  # what it has left behind, too
        out, err = await reading
        self.output, self.errors = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        code = process.returncode or 0
        return BY_SIGNAL - code if code < 0 else code


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
