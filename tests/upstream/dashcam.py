"""Runs the `dashcam` command in a folder of its own, as a user does, and reads what it says."""

import asyncio
import contextlib
import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest import mock

import httpx

from proxy.cli import execute
from tests.upstream.forks import Forked

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 240.0  # seconds: a hung command ends the test, a slow machine does not
_PROBE = 0.05
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # or else each request would load all roots
# What no command may say, whatever it was asked: nobody hears of it but the log.
_NEVER = ("Exception in callback", "exception was never retrieved", "Exception ignored in")
_LIGHT = frozenset({"show", "runs", "export", "import", "verify", "ca"})
# What a shell may have set for other proxies or other Dashcams; and Python's byte code is wanted,
# since every command is a new interpreter.
_UNWANTED = ("DASHCAM_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "PYTHONDONTWRITE")


@dataclass(slots=True, frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def error_lines(self) -> list[str]:
        """What was said on stderr, line by line."""
        return [line for line in self.err.splitlines() if line.strip()]


@dataclass(slots=True)
class Dashcam:
    """The command in `folder`, with its recordings there; `home` holds the CA and may be shared."""

    folder: Path
    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, code: int | None = 0, **env: str) -> Done:
        """Runs one command to its end: what only looks at the store, in this process.

        Args:
            arguments: What stands after `dashcam`.
            code: The exit code that it must end with; None takes any.
            env: More environment.

        Raises:
            AssertionError: another exit code; with all that the command said.
        """
        run = _here if arguments[0] in _LIGHT and not _in_a_loop() else _apart
        done = run(arguments, self.folder, self.environment(env))
        said = f"dashcam {' '.join(arguments)}\n{done.out[-4000:]}\n{done.err[-6000:]}"
        assert code is None or done.code == code, f"exit code {done.code}: {said}"
        assert not [said for said in _NEVER if said in done.err], said
        return done

    def json(self, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self(*arguments, "--json").out)

    def calls(self, run: str) -> list[dict[str, Any]]:
        """The calls of a run by number: `data` of their events, with the event's kind and name."""
        events = self.json("show", run)["events"]
        calls = [
            {**event["data"], "kind": event["kind"], "name": event["name"]}
            for event in events
            if "seq" in event["data"]
        ]
        return sorted(calls, key=lambda call: call["seq"])

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a command: this process's without what is of other Dashcams."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(_UNWANTED)
        }
        path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH", "")]))
        own = {"DASHCAM_HOME": str(self.home), "PYTHONPATH": path}
        return {**kept, **own, **self.env, **(more or {})}

    def up(self, *arguments: str, loaded: bool = True, **env: str) -> "Service":
        """`dashcam up` on free ports; a context manager that waits until it answers.

        It is a fork of a process that has loaded all modules, or, not `loaded`, a new Python.
        """
        return Service(self, arguments, env, loaded=loaded)


def _apart(arguments: Sequence[str], folder: Path, env: dict[str, str]) -> Done:
    with (
        Path(os.devnull).open("rb") as nothing,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        files = (nothing.fileno(), out.fileno(), err.fileno())
        code = Forked(arguments, cwd=folder, env=env, files=files).wait(TIMEOUT)
        for file in (out, err):
            file.seek(0)
        return Done(code, out.read(), err.read())


def _here(arguments: Sequence[str], folder: Path, env: dict[str, str]) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, env, clear=True),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = execute(list(arguments))
    return Done(code, out.getvalue(), err.getvalue())


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Service:
    """A running `dashcam up`: `proxy` and `api` are its URLs."""

    def __init__(
        self, dashcam: Dashcam, arguments: tuple[str, ...], env: dict[str, str], *, loaded: bool
    ) -> None:
        self._dashcam = dashcam
        self._loaded = loaded
        self._log = dashcam.folder / "up.log"
        listen, api = free_ports(2)
        self.port, self.api_port = listen, api
        self.proxy = f"http://127.0.0.1:{listen}"
        self.api = f"http://127.0.0.1:{api}"
        where = ["--listen", f"127.0.0.1:{listen}", "--api", f"127.0.0.1:{api}"]
        self._arguments = ["up", *where, *arguments]
        self._env = dashcam.environment(env)
        self.process: Forked | subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with Path(os.devnull).open("rb") as nothing, self._log.open("ab") as log:
            files = (nothing.fileno(), log.fileno(), log.fileno())
            folder = self._dashcam.folder
            if self._loaded:
                self.process = Forked(self._arguments, cwd=folder, env=self._env, files=files)
            else:
                command = [sys.executable, "-m", "proxy", *self._arguments]
                self.process = subprocess.Popen(
                    command, cwd=folder, env=self._env, stdin=nothing, stdout=log, stderr=log
                )
        for url in (self.proxy, self.api):
            wait_for_port(int(url.rpartition(":")[2]), self.process, self._log)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        assert kind is not None or not [said for said in _NEVER if said in self.said], self.said

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Ends it and returns its exit code; a second call only tells the code."""
        self.process.send_signal(signum)
        return self.process.wait(TIMEOUT)

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def get(self, path: str) -> httpx.Response:
        """Asks the API."""
        url = f"{self.api}/api/v1{path}"
        token = self._env.get("DASHCAM_TOKEN") or (self._dashcam.home / "api-token").read_text()
        headers = {"Authorization": f"Bearer {token.strip()}"}
        answer = httpx.get(url, headers=headers, trust_env=False, timeout=TIMEOUT, verify=_NOBODY)
        answer.raise_for_status()
        return answer

    @property
    def said(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def wait_for_port(port: int, process: Forked | subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a port accepts; fails at once when the process has ended instead."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PROBE)
            break
    raise AssertionError(f"nothing listens on port {port}:\n{log.read_text(errors='replace')}")
