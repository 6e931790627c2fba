import json
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.cli._modes import CHOICES, LIVE, chosen
from tests.cli.agents import Agent
from tests.cli.conftest import Done
from tests.upstream.server import Upstream

type Dashcam = Callable[..., Done]

FILE = "r1.dashcam.jsonl"
WELL = ("chat:m:hi", "get:/fixed?size=3")
MORE = "get:/fixed?size=4"
NAMED = ("--live", "host:127.0.0.1")


@pytest.mark.parametrize(
    ("mode", "there", "name"),
    [
        ("replay", True, "none"),
        ("record", True, "all"),
        ("once", True, "none"),
        ("once", False, "all"),
        ("verify", True, "verify"),
    ],
)
def test_modes_by_their_own_names(mode: str, there: bool, name: str) -> None:
    assert chosen(mode, there=there) == name


def test_only_these_modes_go_live() -> None:
    assert {chosen(mode, there=True) for mode in CHOICES} - LIVE == {"none"}


@pytest.fixture
def agent(dashcam: Dashcam, upstream: Upstream) -> Agent:
    """An agent that asked the model `hi` and a tool for 3 bytes, in the recording FILE."""
    made = Agent(upstream.http)
    assert dashcam("run", "--id", "r1", "--", *made(*WELL)).code == 0
    assert dashcam("export", "r1", "--to", FILE).code == 0
    return made


def test_what_is_missing_is_recorded_where_it_is_named(
    dashcam: Dashcam, agent: Agent, upstream: Upstream, folder: Path
) -> None:
    before = (folder / FILE).read_bytes()
    for mode in ("new", "all", "verify"):
        unnamed = dashcam("replay", FILE, "--mode", mode, "--", *agent(*WELL, MORE))
        assert unnamed.code == 2
        assert f"--mode {mode} goes live" in unnamed.err
        assert "name it: --live host:127.0.0.1" in unnamed.err
    other = ("--live", "host:elsewhere.test")
    missed = dashcam("replay", FILE, "--mode", "new", *other, "--", *agent(*WELL, MORE))
    assert missed.code == 2
    assert "is as it was" in missed.err
    assert len(upstream.world.seen) == 2, "both were the recorded run's"
    assert (folder / FILE).read_bytes() == before

    made = dashcam("replay", FILE, "--mode", "new", *NAMED, "--", *agent(*WELL, MORE))
    assert made.code == 0, made.err
    assert "recorded: 1 live calls" in made.err
    assert [seen.target for seen in upstream.world.seen[2:]] == ["/fixed?size=4"]
    upstream.stop()
    clean = dashcam("replay", FILE, "--", *agent(*WELL, MORE))
    assert clean.code == 0, clean.err
    assert "3 served · clean" in clean.err


def test_once_and_all_make_a_recording(dashcam: Dashcam, upstream: Upstream, folder: Path) -> None:
    agent = Agent(upstream.http)
    first = dashcam("replay", "x.jsonl", "--mode", "once", *NAMED, "--", *agent(*WELL))
    assert first.code == 0, first.err
    assert "recorded: 2 live calls" in first.err
    again = dashcam("replay", "x.jsonl", "--mode", "all", *NAMED, "--", *agent(MORE))
    assert again.code == 0, again.err
    upstream.stop()
    once = dashcam("replay", "x.jsonl", "--mode", "once", "--json", "--", *agent(MORE))
    assert once.code == 0, once.err
    counts = json.loads(once.err.strip().splitlines()[-1])["counts"]
    assert (counts["served"], counts["passedThrough"], counts["unused"]) == (1, 0, 0)
    nothing = dashcam("replay", "y.jsonl", "--mode", "once", "--", *agent(MORE))
    assert nothing.code == 2
    assert not (folder / "y.jsonl").exists()


def test_foreign_files_are_not_written(dashcam: Dashcam, folder: Path) -> None:
    (folder / "a.har").write_text("{}")
    for asked in (("--mode", "new", *NAMED), ("--accept",)):
        done = dashcam("replay", "a.har", *asked, "--", "true")
        assert done.code == 2
        assert "a.har is not a Dashcam recording" in done.err


def test_verify_tells_where_the_world_has_drifted(
    dashcam: Dashcam, agent: Agent, folder: Path
) -> None:
    before = (folder / FILE).read_bytes()
    verify = ("--mode", "verify", *NAMED, "--json")
    same = dashcam("replay", FILE, *verify, "--", *agent(*WELL))
    assert same.code == 0, same.err
    drifted = dashcam("replay", "r1", *verify, "--", *agent(WELL[0], "get:/fixed?status=503"))
    assert drifted.code == 2, drifted.err
    told = json.loads(drifted.err.strip().splitlines()[-1])["drift"]
    assert [(one["what"], one["seq"], one["recorded"], one["live"]) for one in told[:1]] == [
        ("status", 2, 200, 503)
    ]
    assert (folder / FILE).read_bytes() == before


def test_a_test_adds_what_is_missing_if_its_checks_hold(
    dashcam: Dashcam, agent: Agent, upstream: Upstream, folder: Path
) -> None:
    new = ("test", FILE, "--mode", "new", "--checks", "checks.json")
    (folder / "checks.json").write_text('{"outcome": "Timeout"}')
    assert dashcam(*new, "--", *agent(*WELL, MORE)).code == 2
    assert (folder / FILE).read_text().count('{"exchange":') == 2
    (folder / "checks.json").write_text('{"outcome": "Completed"}')
    assert dashcam(*new, "--", *agent(*WELL, MORE)).code == 0
    assert (folder / FILE).read_text().count('{"exchange":') == 3
    upstream.stop()
    assert dashcam("test", FILE, "--", *agent(*WELL, MORE)).code == 0
