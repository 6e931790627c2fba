"""The story: a small agent is recorded, looked at, replayed offline, fixed, and kept.

`python -m proxy.demo` or `dashcam demo`. Everything happens in a temporary folder with the commands
that anybody would type, and every step is checked: what did not happen as told ends it with 1.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proxy.errors import ConfigError, DashcamError

AGENT = ("python", "-m", "proxy.demo.agent")
RUN = "ticket-18422"
EXPORT = "recordings/ticket-18422.dashcam.jsonl"
_TIMEOUT = 300
_WIDTH = 110
_LINES = 20
# Set for other Dashcams, other keys; and byte code is wanted: every command is a new Python.
_UNWANTED = ("DASHCAM_", "OPENAI_", "CRM_", "PYTHONDONTWRITEBYTECODE")


@dataclass(slots=True, frozen=True)
class Step:
    """One command of the story: what is said before it, and what must come of it.

    `agent` stands after `--`; `code` is the exit code; `shows` must be in the output. With `same`
    stdout must be what the step named by it printed. The output is printed from the line on that
    holds `start`.
    """

    title: str
    text: str
    arguments: tuple[str, ...]
    agent: tuple[str, ...] = ()
    code: int = 0
    shows: tuple[str, ...] = ()
    same: str | None = None
    start: str = ""
    offline: bool = False


STEPS: tuple[Step, ...] = (
    Step(
        "Record",
        "The agent is started by `dashcam run`, which sets a proxy and a CA in its environment. "
        "There is no Dashcam code in it.",
        ("run", "--id", RUN, "--label", "SupportAgent"),
        AGENT,
        shows=("I am sorry", RUN, "7 calls, 2 failed"),
    ),
    Step(
        "Which runs failed?",
        "The agent wrote a polite reply and ended with 0. Dashcam saw the CRM's 401, and that "
        "nothing was done about it.",
        ("runs",),
        shows=("SupportAgent", "Tool Error"),
    ),
    Step(
        "What happened in it?",
        "Every call in order, with its tokens and its times; the model's 429 and the attempt after "
        "it; the CRM call that failed.",
        ("show", "last"),
        shows=("kb.acme.test", "crm.acme.test", "401", "429", "attempt 2"),
    ),
    Step(
        "What did the CRM say?",
        "Request and response in full; the token is gone before anything is written.",
        ("show", RUN, "--call", "6"),
        shows=("token expired", "www-authenticate"),
        start="── response",
    ),
    Step(
        "Replay, offline",
        "The provider is stopped now. The unchanged agent runs against the recording and sees the "
        "same bytes, the 429 and the 401 included.",
        ("replay", RUN),
        AGENT,
        shows=("I am sorry", "clean"),
        same="Record",
        offline=True,
    ),
    Step(
        "Replay the fix",
        "The fixed agent fetches a new token after a 401. The recording has no such call: the miss "
        "says so, names the nearest one, and the replay ends with 2.",
        ("replay", RUN),
        (*AGENT, "--fix"),
        code=2,
        shows=("/oauth/token", "1 missed", "diverged"),
        offline=True,
    ),
    Step(
        "Keep it",
        "As text, for git: this run is a test from now on.",
        ("export", RUN, "--to", EXPORT),
        shows=(EXPORT,),
        offline=True,
    ),
)


class Unexpected(DashcamError):  # noqa: N818 - the name says it
    """A step of the story did not do what it says."""


def main() -> int:
    """Tells the story; 0 when everything happened as told, 1 otherwise. Raises DashcamError."""
    if importlib.util.find_spec("openai") is None:
        raise ConfigError(
            "the demo's agent needs the openai package", hint="pip install openai, then try again"
        )
    folder = Path(tempfile.mkdtemp(prefix="dashcam-demo-"))
    try:
        with contextlib.ExitStack() as stack:
            ready = stack.enter_context(_provider(folder / "provider"))
            Story(folder, ready, stack).tell()
    except Unexpected as error:
        _put("", f"✗ {error.message}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


@contextlib.contextmanager
def _provider(folder: Path) -> Iterator[dict[str, Any]]:
    """The provider as a process of its own; yields what it says of itself when it is ready."""
    command = [sys.executable, "-m", "proxy.demo.provider", "--dir", str(folder), "--busy", "1"]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=_environment({}), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - asked for above
            line = process.stdout.readline()
            if not line:
                raise Unexpected("the provider did not start")
            yield json.loads(line)
        finally:
            process.terminate()


@dataclass(slots=True)
class Story:
    """Tells and checks the steps in `folder`; closing `provider` stops the provider."""

    folder: Path
    ready: Mapping[str, Any]
    provider: contextlib.ExitStack
    key: str = field(default_factory=lambda: f"sk-demo-{secrets.token_hex(16)}")
    printed: dict[str, str] = field(default_factory=dict)

    def tell(self) -> None:
        """All of it. Raises Unexpected at the first thing that is not as told."""
        _put(
            "Dashcam demo: a support agent is recorded, explained, replayed and fixed.",
            "No API key and no network: the model, a knowledge base and a CRM run on this machine,",
            f"as {', '.join(self.ready['hosts'])} at 127.0.0.1:{self.ready['https']}.",
        )
        for number, step in enumerate(STEPS, 1):
            if step.offline:
                self.provider.close()
            self._step(number, step)
        self._no_secret()
        _put("", "Everything happened as told. Now yours:  dashcam run -- python your_agent.py")

    def _step(self, number: int, step: Step) -> None:
        heading = f"{number}. {step.title}"
        _put("", heading, "─" * len(heading), *textwrap.wrap(step.text, _WIDTH - 10), "")
        shown = ["dashcam", *step.arguments, *(["--", *step.agent] if step.agent else [])]
        _put(f"  $ {shlex.join(shown)}")
        agent = [sys.executable if part == "python" else part for part in step.agent]
        command = [sys.executable, "-m", "proxy", *step.arguments]
        ended = self._run([*command, "--", *agent] if agent else command)
        self.printed[step.title] = ended.stdout
        said = ended.stdout + ended.stderr
        _put(*_trimmed(said[max(said.find(step.start), 0) :]))
        if ended.returncode != step.code:
            raise Unexpected(f"it ended with {ended.returncode} and not with {step.code}")
        missing = [part for part in step.shows if part not in said]
        if missing:
            raise Unexpected(f"it did not show {missing[0]!r}")
        if step.same is not None and ended.stdout != self.printed[step.same]:
            raise Unexpected(f"it did not print what {step.same!r} printed")

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 - our own command
                command,
                cwd=self.folder,
                env=_environment(self._settings()),
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unexpected(f"it did not end within {_TIMEOUT} seconds") from error

    def _settings(self) -> dict[str, str]:
        """How Dashcam finds the provider under the names that the agent uses, and a home."""
        where = f"https://127.0.0.1:{self.ready['https']}"
        return {
            "DASHCAM_UPSTREAM": ",".join(f"{host}={where}" for host in self.ready["hosts"]),
            "DASHCAM_UPSTREAM_CA": str(self.ready["ca"]),
            "DASHCAM_HOME": str(self.folder / "home"),
            "OPENAI_API_KEY": self.key,
        }

    def _no_secret(self) -> None:
        """The key that the agent used is in none of the files."""
        files = [path for path in (self.folder / "recordings").rglob("*") if path.is_file()]
        for path in files:
            if self.key.encode() in path.read_bytes():
                raise Unexpected(f"the API key is in {path.name}")
        lines = (self.folder / EXPORT).read_text("utf-8").count("\n")
        _put("", f"  {lines} lines of text. The agent's API key is in none of {len(files)} files.")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(_UNWANTED)}
    return {**kept, **more}


def _trimmed(text: str) -> Sequence[str]:
    """Output to be read on a page: indented, not too wide, not too long."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    shown = [line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…" for line in lines[:_LINES]]
    if len(lines) > _LINES:
        shown.append(f"… {len(lines) - _LINES} more lines")
    return [f"  │ {line}".rstrip() for line in shown]


def _put(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
