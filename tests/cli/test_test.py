import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from proxy.stores import open_store
from tests.cli.agents import Agent
from tests.cli.conftest import URL, Done
from tests.upstream.server import Upstream

type Dashcam = Callable[..., Done]

BROKEN = ("chat:m:hi", "get:/fixed?status=401&size=3", "print:I am sorry.")
FIXED = ("chat:m:hi", "get:/fixed?status=401&size=3", "get:/token", "print:Done.")
WELL = ("chat:m:hi", "get:/fixed?size=3")


@pytest.fixture
def agent(upstream: Upstream) -> Agent:
    return Agent(upstream.http)


@pytest.fixture
def incident(dashcam: Dashcam, agent: Agent, upstream: Upstream) -> Agent:
    """The recording refund-401 of a run that failed by a 401; nobody answers any more."""
    assert dashcam("run", "--id", "r1", "--label", "Agent", "--", *agent(*BROKEN)).code == 0
    assert dashcam("test", "new", "r1", "--name", "refund-401").code == 0
    upstream.stop()
    return agent


def result(done: Done) -> Any:
    """The one test of `--json`."""
    (one,) = json.loads(done.out)["tests"]
    return one


def test_an_incident_fails_before_the_fix_and_passes_after_it(
    dashcam: Dashcam, incident: Agent
) -> None:
    before = dashcam("test")  # the recorded command: the broken agent
    assert before.code == 2, before.err
    assert "failed   refund-401" in before.out
    assert "recovers: nothing new was done about recorded call 2" in before.out
    assert before.err.strip().endswith("1 failed")

    after = dashcam("test", "recordings", "--json", "--", *incident(*FIXED))
    assert after.code == 0, after.out
    made = result(after)
    assert made["verdict"] == "passed"
    assert made["output"].endswith("Done.\n")
    assert "no recorded call for GET" in made["misses"][0]
    assert made["outcome"]["failureMode"] == "Tool Error", "the recording cannot tell more"
    store = open_store(URL, create=False)
    assert store.find_run("last").id == "r1", "tests leave nothing in the store"
    store.close()


def test_a_fix_that_breaks_what_came_before_fails(dashcam: Dashcam, incident: Agent) -> None:
    other = incident("chat:m:something else", *FIXED[1:])
    done = dashcam("test", "--json", "--", *other)
    assert done.code == 2
    said = [failure["message"] for failure in result(done)["failures"]]
    assert any("recorded call 1 was not made" in message for message in said)
    assert any("not recorded: POST" in message for message in said)


def test_a_fork_of_the_incident_makes_the_recording_whole(
    dashcam: Dashcam, agent: Agent, upstream: Upstream
) -> None:
    flaky = "get:/flaky?key=k&fail=2"
    broken, fixed = agent(WELL[0], flaky), agent(WELL[0], flaky, flaky)
    assert dashcam("run", "--id", "r1", "--label", "Agent", "--", *broken).code == 0
    assert dashcam("test", "new", "r1", "--name", "flaky").code == 0
    file = "recordings/flaky.dashcam.jsonl"
    fork = dashcam("fork", file, "--at", "2", "--json", "--", *fixed)
    assert fork.code == 0, fork.err
    child = json.loads(fork.err.strip().splitlines()[-1])["runId"]
    assert dashcam("test", "new", child, "--name", "flaky", "--force").code == 0
    upstream.stop()
    after = dashcam("test", "--json", "--", *fixed)
    assert after.code == 0, after.out
    made = result(after)
    assert made["outcome"]["status"] == "Completed"
    assert (made["misses"], made["report"]["counts"]["served"]) == ([], 3)
    before = dashcam("test", "--", *broken)
    assert before.code == 2
    assert "follows: recorded call 3 was not made" in before.out


def test_the_files_that_new_writes(dashcam: Dashcam, incident: Agent, folder: Path) -> None:
    text = (folder / "tests" / "test_refund_401.py").read_text()
    module = ast.parse(text)
    assert (ast.get_docstring(module) or "").startswith("Agent: Tool Error: GET 127.0.0.1")
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert values["COMMAND"] == ["python", *incident(*BROKEN)[1:]]
    assert values["CHECKS"]["recovers"] == values["CHECKS"]["follows"] == 2
    assert '@pytest.mark.dashcam("refund-401")\ndef test_refund_401(dashcam_run):' in text
    assert all(len(line) <= 100 for line in text.splitlines() if "import binascii" not in line)
    assert (folder / "recordings" / "refund-401.dashcam.jsonl").exists()

    again = dashcam("test", "new", "r1", "--name", "refund-401")
    assert again.code == 2
    assert "--force" in again.err
    other = dashcam("test", "new", "r1", "--to", "x.py", "--json", "--", "node", 'a"\\b.mjs')
    assert json.loads(other.out)["name"] == "agent-tool-error"
    assert "COMMAND = ['node', 'a\"\\\\b.mjs']" in (folder / "x.py").read_text().replace(
        '"node"', "'node'"
    )


def test_a_run_that_went_well_must_go_the_same_way(
    dashcam: Dashcam, agent: Agent, upstream: Upstream, folder: Path
) -> None:
    assert dashcam("run", "--id", "r2", "--", *agent(*WELL)).code == 0
    assert dashcam("test", "new", "r2", "--name", "well").code == 0
    assert '"follows": True' in (folder / "tests" / "test_well.py").read_text()
    upstream.stop()
    assert dashcam("test", "--", *agent(*WELL)).code == 0
    done = dashcam("test", "--junit", "report.xml", "--", *agent(WELL[0], "get:/other"))
    assert done.code == 2
    assert "follows: recorded call 2 was not made: GET" in done.out
    assert "follows: a call was made that is not recorded: GET" in done.out
    assert "nearest: call 2" in done.out
    suite = ET.parse(folder / "report.xml").getroot()[0]  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    (case,) = suite
    assert (case.get("classname"), case.get("name")) == ("recordings", "well")
    assert case[0].tag == "failure"
    assert "not in the recording" in str(case[0].get("message"))
    assert "nearest: call 2" in str(case[0].text)
    ended_badly = dashcam("test", "--", *agent(*WELL, "exit:3"))
    assert ended_badly.code == 2
    assert "outcome: " in ended_badly.out


def test_many_at_a_time_and_what_cannot_be_judged(
    dashcam: Dashcam, incident: Agent, folder: Path
) -> None:
    recordings = folder / "recordings"
    first = recordings / "refund-401.dashcam.jsonl"
    for name in ("a", "b", "c"):
        (recordings / f"{name}.dashcam.jsonl").write_bytes(first.read_bytes())
    (recordings / "d.dashcam.jsonl").write_bytes(first.read_bytes()[:-40])
    done = dashcam("test", "--jobs", "3", "--json", "--", *incident(*FIXED))
    assert done.code == 125, done.out
    tests = {one["name"]: one for one in json.loads(done.out)["tests"]}
    assert [one["verdict"] for one in tests.values()] == ["passed"] * 3 + ["unjudged", "passed"]
    assert "line" in tests["d"]["failures"][0]["message"]
    (recordings / "d.dashcam.jsonl").unlink()
    nothing = dashcam("test", str(first), "--", sys.executable, "-c", "pass")
    assert nothing.code == 125
    assert "made no call" in nothing.out
    absent = dashcam("test", str(first), "--", "no-such-command-at-all")
    assert absent.code == 125
    assert "not started" in absent.out


def test_a_command_that_hangs_fails(dashcam: Dashcam, incident: Agent) -> None:
    program = incident(*FIXED)[2] + "\nimport signal\nsignal.pause()"
    command = (sys.executable, "-c", program, incident.base, *FIXED)
    done = dashcam("test", "--timeout", "8", "--", *command)
    assert done.code == 2
    assert "test: it did not end within 8 s" in done.out


def test_checks_beside_the_recording_and_from_a_file(
    dashcam: Dashcam, incident: Agent, folder: Path
) -> None:
    beside = folder / "recordings" / "refund-401.checks.toml"
    beside.write_text('banned = ["sorry"]\nmax_length = 10000\noutcome = "Tool Error"\n')
    done = dashcam("test", "--", *incident(*BROKEN))
    assert done.code == 2
    assert "banned: the output says 'sorry'" in done.out
    (folder / "checks.json").write_text('{"tool_called": ["GET 127.0.0.1*"], "sections": "I am"}')
    done = dashcam("test", "--checks", "checks.json", "--", *incident(*BROKEN))
    assert "sections: the output has no section 'I am'" not in done.out
    assert done.code == 0, done.out
    beside.write_text("bann = 1")
    done = dashcam("test", "--", *incident(*BROKEN))
    assert done.code == 125
    assert "there is no check 'bann'" in done.out
    beside.write_text("bann")
    assert dashcam("test").code == 2


def test_record_and_verify_are_live(
    dashcam: Dashcam, agent: Agent, upstream: Upstream, folder: Path
) -> None:
    file = folder / "recordings" / "well.dashcam.jsonl"
    command = agent(*WELL)
    assert dashcam("test", str(file), "--mode", "record", "--", *command).code == 0
    assert dashcam("test", "--mode", "verify", "--", *command).code == 0
    drifted = dashcam("test", "--mode", "verify", "--", *agent(WELL[0], "get:/fixed?status=500"))
    assert drifted.code == 2
    assert "drift: " in drifted.out
    before = file.read_bytes()
    (folder / "checks.json").write_text('{"outcome": "Completed"}')
    asked = ("--mode", "record", "--checks", "checks.json")
    failed = dashcam("test", str(file), *asked, "--", *agent(*BROKEN))
    assert failed.code == 2
    assert file.read_bytes() == before, "what fails its checks does not replace a recording"
    upstream.stop()
    assert dashcam("test", "--", *command).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("test",), 1, "no recording in recordings"),
        (("test", "a", "b"), 2, "after --"),
        (("test", "new"), 2, "new RUN"),
        (("test", "--"), 2, "no command"),
        (("test", "new", "last"), 1, "no recordings yet"),
        (("test", "--checks", "none.toml"), 1, "no recording"),
    ],
)
def test_one_clear_line(dashcam: Dashcam, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = dashcam(*arguments)
    assert done.code == code
    assert said in done.err


def test_a_shrunk_recording_has_what_the_failure_needs(
    dashcam: Dashcam, agent: Agent, upstream: Upstream, folder: Path
) -> None:
    telemetry = "quiet:/fixed?size=9"
    recorded = agent(BROKEN[0], telemetry, "get:/fixed?size=5", *BROKEN[1:])
    assert dashcam("run", "--id", "r1", "--label", "Agent", "--", *recorded).code == 0
    upstream.stop()
    broken = agent(BROKEN[0], telemetry, *BROKEN[1:])
    done = dashcam("test", "new", "r1", "--name", "less", "--shrink", "--json", "--", *broken)
    assert done.code == 0, done.err
    shrunk = json.loads(done.out)["shrunk"]
    assert [(one["seq"], one["asked"]) for one in shrunk["dropped"]] == [(2, True), (3, False)]
    assert (shrunk["calls"], shrunk["kept"], shrunk["complete"]) == (4, 2, True)
    text = (folder / "recordings" / "less.dashcam.jsonl").read_text()
    assert text.count('{"exchange":') == 2
    before = dashcam("test", "--", *broken)
    assert before.code == 2, "the call that was dropped is no recovery"
    assert "recovers: nothing new was done about recorded call 4" in before.out
    assert "follows" not in before.out
    assert "no recorded call" not in before.out, "that it is dropped is no news"
    fixed = agent(FIXED[0], telemetry, *FIXED[1:])
    assert dashcam("test", "--", *fixed).code == 0

    other = agent(BROKEN[0], "get:/fixed?size=5")
    unlike = dashcam("test", "new", "r1", "--name", "other", "--shrink", "--", *other)
    assert unlike.code == 125
    assert "played whole it ends as Completed, recorded was Tool Error" in unlike.err
    assert not (folder / "recordings" / "other.dashcam.jsonl").exists()
