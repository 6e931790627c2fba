"""The pytest plugin: agents tested against recordings.

    @pytest.mark.dashcam("refund-401")
    def test_refund_401(dashcam_run):
        run = dashcam_run(["python", "agent.py"], checks={"outcome": "Completed"})
        assert "refund" in run.output

The command runs offline, against `recordings/refund-401.dashcam.jsonl`; a check that fails, a call
that is not recorded or one that is not made fails the test, and says how the two differ. Dashcam
itself is started as the command `dashcam`, in an environment of its own if you like: nothing but
this module is imported here. Tests share nothing, so they may run in parallel (pytest-xdist).
"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import pytest

MODES = ("replay", "record", "verify", "none", "once", "new", "all")
_MAKING = ("record", "all", "once")  # modes that need no recording
_GRACE = 120.0  # seconds that Dashcam may take beside the command
_SUFFIX = ".dashcam.jsonl"
# Calls a function of a file in a process of its own, and prints what it returns.
_CALL = """
import importlib.util, sys
sys.path[:] = {path!r}
spec = importlib.util.spec_from_file_location({module!r}, {file!r})
module = sys.modules[{module!r}] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
returned = module.{function}()
if returned is not None:
    print(returned)
"""
_HINT = "install dashcam (`uv tool install dashcam`), or set dashcam_command in pytest's settings"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option --dashcam and the settings."""
    group = parser.getgroup("dashcam")
    group.addoption(
        "--dashcam",
        choices=MODES,
        default="replay",
        help="replay (or none): offline, from the recordings (default); record (or all): live, and "
        "made anew; once: record what has no recording; new: what is not recorded goes live and is "
        "added; verify: live, and where the world has drifted from the recordings fails",
    )
    parser.addini("dashcam_recordings", "the folder of the recordings", default="recordings")
    parser.addini("dashcam_command", "how Dashcam is started", default="dashcam")


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    line = "dashcam(name, mode=None): the recording that the test's command runs against"
    config.addinivalue_line("markers", line)


_used = pytest.StashKey[set[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Takes note of the recordings that tests name."""
    markers = [item.get_closest_marker("dashcam") for item in items]
    config.stash[_used] = {
        str(marker.args[0]).replace(_SUFFIX, "") for marker in markers if marker and marker.args
    }


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Lists recordings that no test uses, where all tests were collected and some use one."""
    used = config.stash.get(_used, set())
    chosen = config.option.keyword or config.option.markexpr
    if not used or chosen or config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    folder = config.rootpath / str(config.getini("dashcam_recordings"))
    kept = sorted(path.name.replace(_SUFFIX, "") for path in folder.glob(f"*{_SUFFIX}"))
    if left := [name for name in kept if name not in used]:
        terminalreporter.write_line(f"recordings that no test uses: {', '.join(left)}")


class DashcamRun:
    """What a command came to, played against its recording."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return bool(self._told["verdict"] == "passed")

    @property
    def outcome(self) -> str | None:
        """Completed or Failed; None when there is none."""
        found = self._told["outcome"]
        return str(found["status"]) if found else None

    @property
    def failure_mode(self) -> str | None:
        """How it failed: Tool Error, Bad Decision, Bad Output, Timeout, Cost Blowup."""
        found = self._told["outcome"]
        return found["failureMode"] if found else None

    @property
    def reason(self) -> str | None:
        """Why, in a line."""
        found = self._told["outcome"]
        return found["reason"] if found else None

    @property
    def output(self) -> str:
        """What the command printed."""
        return str(self._told["output"])

    @property
    def errors(self) -> str:
        """What it printed on stderr, the end of it."""
        return str(self._told["errors"])

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call in order: `kind`, `step`, `status`, `statusCode`, `call` and more."""
        return list(self._told["calls"])

    @property
    def tools(self) -> list[str]:
        """The steps of the tool calls, in order."""
        return [call["step"] for call in self.calls if call["kind"] in ("tool_call", "retrieval")]

    @property
    def counts(self) -> dict[str, int]:
        """Served, missed, unused, diverged, refused, passedThrough."""
        return dict(self._told["report"].get("counts", {}))

    @property
    def failures(self) -> list[str]:
        """What is wrong, a line each."""
        return [f"{one['check']}: {one['message']}" for one in self._told["failures"]]

    @property
    def misses(self) -> list[str]:
        """What was asked for and is not recorded, with what comes closest and how it differs."""
        return list(self._told["misses"])


class DashcamRunner:
    """The fixture `dashcam_run`: runs a command against the test's recording."""

    def __init__(self, recording: Path, mode: str, command: Sequence[str], folder: Path) -> None:
        self.recording = recording
        self.mode = mode
        self.used = False
        self._command = command
        self._folder = folder

    def __call__(
        self,
        command: Union[Sequence[str], Callable[[], Any]],  # noqa: UP007 - for Python 3.9
        *,
        checks: Mapping[str, Any] | None = None,
        timeout: float = 300.0,
    ) -> DashcamRun:
        """Run `command` and check what came of it; fails the test if a check does not hold.

        Args:
            command: The program and its arguments; `python` is the one that runs the tests. Or a
                function of some module: it is called in a process of its own, and what it returns
                is printed.
            checks: By name, as in Dashcam's docs/testing.md. Without any: a run that went well must
                go the same way, one that failed must get over its failure.
            timeout: Seconds that the command may take.
        """
        __tracebackhide__ = True
        self.used = True
        if self.mode not in _MAKING and not self.recording.exists():
            pytest.fail(
                f"there is no recording {self.recording}\n"
                "make it with `dashcam test new RUN`, or with pytest --dashcam=record",
                pytrace=False,
            )
        argv = _called(command) if callable(command) else list(command)
        run = DashcamRun(self._tested(argv, checks, timeout))
        if not run.passed:
            pytest.fail("\n".join(_lines(self.recording, run)), pytrace=False)
        return run

    def _tested(
        self, command: list[str], checks: Mapping[str, Any] | None, timeout: float
    ) -> Mapping[str, Any]:
        __tracebackhide__ = True
        if command[:1] == ["python"]:
            command[0] = sys.executable
        asked = [*self._command, "test", str(self.recording), "--json", "--mode", self.mode]
        asked += ["--timeout", str(timeout)]
        with tempfile.TemporaryDirectory(prefix="dashcam-") as folder:
            if checks is not None:
                file = Path(folder, "checks.json")
                file.write_text(json.dumps(checks), "utf-8")
                asked += ["--checks", str(file)]
            ended = subprocess.run(  # noqa: S603 - the user's own commands
                [*asked, "--", *command],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout + _GRACE,
                check=False,
            )
        try:
            (told,) = json.loads(ended.stdout)["tests"]
        except (ValueError, KeyError):
            said = ended.stderr.decode("utf-8", "replace").strip()
            pytest.fail(f"dashcam ended with {ended.returncode}: {said[-2000:]}", pytrace=False)
        return dict(told)


def _called(function: Callable[[], Any]) -> list[str]:
    """The command that calls a function."""
    name = getattr(function, "__qualname__", "")
    if not name.isidentifier():
        raise TypeError(f"{function!r} is no function of a module, and cannot be called elsewhere")
    code = _CALL.format(
        path=sys.path,
        module=function.__module__,
        file=inspect.getfile(function),
        function=name,
    )
    return [sys.executable, "-c", code]


def _lines(recording: Path, run: DashcamRun) -> Iterator[str]:
    yield f"{recording.name}: {'; '.join(f'{n} {name}' for name, n in run.counts.items() if n)}"
    yield from run.failures
    for miss in run.misses:
        yield ""
        yield miss
    if run.errors.strip():
        yield ""
        yield "stderr of the command:"
        yield run.errors.strip()


@pytest.fixture
def dashcam_run(request: pytest.FixtureRequest) -> Iterator[DashcamRunner]:
    """Runs a command against the recording that the test's marker names."""
    marker = request.node.get_closest_marker("dashcam")
    if marker is None or not marker.args:
        pytest.fail('mark the test: @pytest.mark.dashcam("name of a recording")', pytrace=False)
    mode = marker.kwargs.get("mode") or request.config.getoption("--dashcam")
    if mode not in MODES:
        pytest.fail(f"the mode {mode!r} is none of {', '.join(MODES)}", pytrace=False)
    root = request.config.rootpath
    folder = root / str(request.config.getini("dashcam_recordings"))
    name = str(marker.args[0])
    recording = folder / (name if name.endswith(".jsonl") else f"{name}{_SUFFIX}")
    command = _command(str(request.config.getini("dashcam_command")))
    runner = DashcamRunner(recording, mode, command, root)
    yield runner
    if not runner.used:
        pytest.fail(f"the test never ran its command against {recording.name}", pytrace=False)


def _command(setting: str) -> list[str]:
    """How Dashcam is started: DASHCAM_COMMAND, the setting, else beside the Python in use."""
    words = (os.environ.get("DASHCAM_COMMAND") or setting).split()
    found = shutil.which(words[0]) or shutil.which(words[0], path=str(Path(sys.executable).parent))
    if found is None:
        pytest.fail(f"the command {words[0]!r} is not found: {_HINT}", pytrace=False)
    return [found, *words[1:]]
