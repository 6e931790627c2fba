"""The plugin in pytests of their own, with real Dashcams and a real upstream."""

import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from tests.cli.agents import Agent
from tests.upstream.certificates import Certificates
from tests.upstream.dashcam import TIMEOUT, Dashcam
from tests.upstream.forks import command_line
from tests.upstream.server import Upstream

BROKEN = ("chat:m:hi", "get:/fixed?status=401&size=3", "print:I am sorry.")
FIXED = ("chat:m:hi", "get:/fixed?status=401&size=3", "get:/token", "print:Done.")
WELL = ("chat:m:hi", "get:/fixed?size=3")

ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

WELL_TEST = """
import pytest

@pytest.mark.dashcam("well")
def test_well(dashcam_run):
    run = dashcam_run({command!r}, checks={{"outcome": "Completed"}})
    assert (run.passed, run.outcome, run.failure_mode) == (True, "Completed", None)

@pytest.mark.dashcam("well", mode="verify")
def test_verify(dashcam_run):
    dashcam_run({command!r})
"""
TESTS = """
import pytest

@pytest.mark.dashcam("refund-401")
def test_fixed(dashcam_run):
    run = dashcam_run({fixed!r}, checks={{"recovers": 2, "tool_not_called": "delete*"}})
    assert run.passed and run.failures == []
    assert run.output.endswith("Done.\\n")
    assert (run.outcome, run.failure_mode) == ("Failed", "Tool Error")
    assert run.counts["served"] == 2 and run.counts["missed"] == 1
    assert [call["statusCode"] for call in run.calls] == [200, 401, 424]
    assert len(run.tools) <= 2 and "/token" in run.misses[0] and run.reason and not run.errors

@pytest.mark.dashcam("well.dashcam.jsonl")
def test_unused(dashcam_run):
    dashcam_run({broken!r}[:-2] + ["get:/other"])

def agent():
    import urllib.request
    return urllib.request.urlopen("{base}/fixed?size=3").read().decode()

@pytest.mark.dashcam("well")
def test_function(dashcam_run):
    run = dashcam_run(agent, checks={{"outcome": "Completed", "max_length": 3}})
    assert len(run.output) == 4 and run.counts["served"] == 1

@pytest.mark.dashcam("well")
def test_no_function(dashcam_run):
    with pytest.raises(TypeError, match="no function of a module"):
        dashcam_run(lambda: None)

@pytest.mark.dashcam("nothing")
def test_no_recording(dashcam_run):
    dashcam_run({broken!r})

@pytest.mark.dashcam("refund-401")
def test_never_run(dashcam_run):
    pass

def test_no_marker(dashcam_run):
    pass

@pytest.mark.dashcam("refund-401", mode="live")
def test_no_mode(dashcam_run):
    pass
"""
# What is said about each; None for one that passes.
EXPECTED = {
    "test_fixed": None,
    "test_unused": "follows: recorded call 2 was not made",
    "test_function": None,
    "test_no_function": None,
    "test_no_recording": "pytest --dashcam=record",
    "test_never_run": "the test never ran its command",
    "test_no_marker": "mark the test",
    "test_no_mode": "the mode 'live' is none of",
    "test_well": None,
    "test_refund_401": "recovers: nothing new was done about recorded call 2",
}


class Ended(NamedTuple):
    """A pytest that has ended: what it said of each test, None of one that passed."""

    code: int
    said: dict[str, str | None]
    output: str


class World(NamedTuple):
    """A folder with tests, and the Dashcam and the upstream for them."""

    dashcam: Dashcam
    upstream: Upstream

    def pytest(self, *arguments: str) -> Ended:
        """A pytest in the folder, with the plugin alone."""
        report = self.dashcam.folder / "report.xml"
        report.unlink(missing_ok=True)
        plugin = ("-p", "dashcam.pytest_plugin", "-p", "xdist")
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", *plugin, "--junitxml", str(report), *arguments],
            cwd=self.dashcam.folder,
            env=self.dashcam.environment(ALONE | {"DASHCAM_COMMAND": shlex.join(command_line())}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert report.exists(), ended.stdout + ended.stderr
        found: dict[str, str | None] = {}
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own file
            texts = [str(part.text) for part in case if part.tag in {"failure", "error"}]
            found[str(case.get("name"))] = "\n".join(texts) if texts else None
        return Ended(ended.returncode, found, ended.stdout)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    with Upstream(Certificates(tmp_path)) as upstream:
        yield World(Dashcam(folder, tmp_path / "home"), upstream)


@pytest.mark.timeout(600)  # two dozen processes, one after the other, on whatever machine
def test_tests_against_recordings(world: World) -> None:
    agent = Agent(world.upstream.http)
    folder = world.dashcam.folder
    broken, fixed, well = (list(agent(*words)) for words in (BROKEN, FIXED, WELL))
    world.dashcam("run", "--id", "r1", "--", *broken)
    world.dashcam("test", "new", "r1", "--name", "refund-401")
    (folder / "test_well.py").write_text(textwrap.dedent(WELL_TEST).format(command=well))
    live = world.pytest("test_well.py", "--dashcam=record")
    assert (live.code, live.said) == (0, {"test_well": None, "test_verify": None})
    assert (folder / "recordings" / "well.dashcam.jsonl").exists()
    world.upstream.stop()

    (folder / "test_all.py").write_text(TESTS.format(broken=broken, fixed=fixed, base=agent.base))
    ended = world.pytest("-n", "2", "--strict-markers", "-k", "not verify", ".")
    assert ended.code == 1
    assert ended.said.keys() == EXPECTED.keys()
    for name, expected in EXPECTED.items():
        said = ended.said[name]
        assert (said is None) == (expected is None), f"{name}: {said}"
        assert expected is None or expected in str(said), f"{name}: {said}"
    assert "nearest: call" in str(ended.said["test_unused"]), "the difference is told"

    generated = folder / "tests" / "test_refund_401.py"
    text = generated.read_text()
    assert "'get:/fixed?status=401&size=3'" in text or '"get:/fixed?status=401&size=3"' in text
    generated.write_text(text.replace('"print:I am sorry."', '"get:/token", "print:Done."'))
    assert world.pytest(str(generated)).code == 0, "the fix is the only change"


def test_without_dashcam_there_is_a_hint_and_what_is_unused_is_listed(world: World) -> None:
    (world.dashcam.folder / "recordings").mkdir()
    for name in ("well", "other"):
        (world.dashcam.folder / "recordings" / f"{name}.dashcam.jsonl").touch()
    (world.dashcam.folder / "pytest.ini").write_text(
        "[pytest]\ndashcam_command = no-such-dashcam\n"
    )
    (world.dashcam.folder / "test_well.py").write_text(
        textwrap.dedent(WELL_TEST).format(command=["true"])
    )
    report = world.dashcam.folder / "r.xml"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "dashcam.pytest_plugin"),
            *("-p", "no:cacheprovider", "--junitxml", str(report)),
        ],
        cwd=world.dashcam.folder,
        env=world.dashcam.environment(ALONE),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert ended.returncode == 1
    assert "'no-such-dashcam' is not found: install dashcam" in ended.stdout
    assert "recordings that no test uses: other\n" in ended.stdout
