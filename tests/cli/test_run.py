import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.stores import open_store
from tests.cli.conftest import URL, Done

type Dashcam = Callable[..., Done]

# A child that calls an upstream which is not there, and says what it was told about its run.
CHILD = """
import os, sys, urllib.request, urllib.error
try:
    urllib.request.urlopen("http://127.0.0.1:9/customers/17?api_key=topsecret-0123456789")
except urllib.error.HTTPError as error:
    answer = error.read().decode()
assert "refused the connection" in answer, answer
with open("child.txt", "w") as file:
    file.write(os.environ["DASHCAM_RUN"])
sys.exit(int(sys.argv[1]))
"""


def test_a_command_is_recorded_and_its_exit_code_is_the_end(dashcam: Dashcam, folder: Path) -> None:
    done = dashcam(
        "run", "--id", "r1", "--label", "Support", "--group", "plan", "--meta", "ticket=7",
        "--", sys.executable, "-c", CHILD, "3",
    )  # fmt: skip
    assert done.code == 3, done.err
    assert (folder / "child.txt").read_text() == "r1"
    lines = done.err.strip().splitlines()
    assert len(lines) == 3
    assert lines[0] == "dashcam: run r1 · Support"
    assert lines[1].startswith("dashcam: 1 calls, 1 failed · Tool Error: ")
    assert lines[2] == "dashcam: look: dashcam show r1"
    store = open_store(URL, create=False)
    run = store.find_run("r1")
    assert (run.outcome, run.failure_mode, run.metadata["ticket"]) == ("Failed", "Tool Error", "7")
    assert run.metadata["exitCode"] == 3
    (exchange,) = store.exchanges("r1")
    assert (exchange.own.group, exchange.end) == ("plan", "upstream_refused")
    assert [event.kind for event in store.events("r1")] == ["group", "http"]
    store.close()
    for file in (folder / "recordings").rglob("*"):
        assert file.is_dir() or b"topsecret" not in file.read_bytes(), file


def test_the_summary_as_json(dashcam: Dashcam) -> None:
    done = dashcam("run", "--json", "--id", "r2", "--", sys.executable, "-c", "pass")
    summary = json.loads(done.err)
    assert (summary["runId"], summary["exitCode"], summary["calls"]) == ("r2", 0, 0)
    assert summary["outcome"]["status"] == "Completed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("run", "--meta", "x", "--", "true"), "KEY=VALUE"), (("run",), "CMD")],
)
def test_wrong_usage(dashcam: Dashcam, arguments: tuple[str, ...], said: str) -> None:
    done = dashcam(*arguments)
    assert done.code == 2
    assert said in done.err


def test_a_dashcam_that_is_not_there_is_one_clear_line(
    dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHCAM_API", "http://dashcam:x@127.0.0.1:9")
    done = dashcam("run", "--", "true")
    assert done.code == 1
    assert "no Dashcam answers at 127.0.0.1:9" in done.err
