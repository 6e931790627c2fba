import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from proxy.cli.fork import fields
from proxy.stores import open_store
from tests.cli.agents import Agent
from tests.cli.conftest import URL, Done, Recorded, recorded
from tests.upstream.certificates import Certificates
from tests.upstream.server import Upstream
from tests.upstream.world import Seen

type Dashcam = Callable[..., Done]

WORDS = ("chat:m:one", "get:/fixed?size=3", "chat:m:two")


@pytest.fixture(scope="module")
def first(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    """Run r1 has three calls: the model, a tool, the model."""
    with recorded(certificates, tmp_path_factory.mktemp("first"), *WORDS) as made:
        yield made


@pytest.fixture
def agent(first: Recorded, folder: Path) -> Agent:
    first.into(folder)
    return first.agent


@pytest.fixture
def upstream(first: Recorded) -> Upstream:
    return first.upstream


def report(done: Done) -> Any:
    return json.loads(done.err.strip().splitlines()[-1])


def later(upstream: Upstream) -> Sequence[Seen]:
    """What came after the recorded run."""
    return upstream.world.seen[len(WORDS) :]


def asked(upstream: Upstream) -> list[tuple[str, Any]]:
    """The target and the JSON body of what the world was asked."""
    return [(seen.target, json.loads(bytes(seen.body.data) or b"null")) for seen in later(upstream)]


def test_before_n_from_the_recording_then_live_and_changed(
    dashcam: Dashcam, agent: Agent, upstream: Upstream, folder: Path
) -> None:
    (folder / "prompt.txt").write_text("Be brief.\n")
    change = ("--model", "other", "--set", "system=@prompt.txt", "--set", "temperature=0")
    done = dashcam("fork", "r1", "--at", "3", *change, "--json", "--", *agent(*WORDS))
    assert done.code == 0, done.err
    made = report(done)
    assert {name: count for name, count in made["counts"].items() if count} == {
        "served": 2,
        "passedThrough": 1,
    }
    assert asked(upstream) == [
        (
            "/v1/chat/completions",
            {
                "model": "other",
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "two"},
                ],
                "temperature": 0,
            },
        )
    ]
    store = open_store(URL, create=False)
    child = store.find_run(made["runId"])
    assert (child.metadata["parent"], child.metadata["forkAt"]) == ("r1", 3)
    calls = [event for event in store.events(child.id) if "seq" in event.data]
    assert [event.data["call"].get("model") for event in calls] == ["m", None, "other"]
    assert calls[2].data["notes"] == ["changed: model, system, temperature"]
    assert [bool(event.data.get("servedFrom")) for event in calls] == [True, True, False]
    store.close()

    compared = json.loads(dashcam("diff", "r1", child.id, "--json").out)
    assert compared["firstDifference"] == 2
    assert [step["changes"] == [] for step in compared["steps"]] == [True, True, False]
    assert {"what": "model", "before": "m", "after": "other"} in compared["steps"][2]["changes"]
    assert dashcam("replay", "last", "--", *agent(*WORDS)).code == 0, "`last` is not the fork"


def test_another_base_url(dashcam: Dashcam, agent: Agent, upstream: Upstream) -> None:
    base = f"{upstream.http.replace('127.0.0.1', 'localhost')}/v1"
    done = dashcam("fork", "r1", "--at", "1", "--base-url", base, "--", *agent(*WORDS))
    assert done.code == 0, done.err
    hosts = [(seen.header("host") or "").partition(":")[0] for seen in later(upstream)]
    assert hosts == ["localhost", "127.0.0.1", "localhost"], "tools stay where they are"
    assert "compare: dashcam diff r1 run_" in done.err


def test_only_what_is_named_goes_live(dashcam: Dashcam, agent: Agent, upstream: Upstream) -> None:
    done = dashcam("fork", "r1", "--at", "2", "--live", "llm", "--", *agent(*WORDS))
    assert done.code == 0, done.err
    assert [target for target, _ in asked(upstream)] == ["/v1/chat/completions"]
    assert "2 served, 1 passed through · clean" in done.err


def test_another_way_before_n_does_not_go_live(
    dashcam: Dashcam, agent: Agent, upstream: Upstream
) -> None:
    command = agent("chat:m:something else")
    done = dashcam("fork", "r1", "--at", "2", "--", *command)
    assert done.code == 2, done.err
    assert "1 missed, 1 unused" in done.err
    assert not later(upstream)


def test_a_fork_that_is_never_reached_cannot_be_judged(
    dashcam: Dashcam, agent: Agent, upstream: Upstream
) -> None:
    done = dashcam("fork", "r1", "--at", "2", "--", *agent("chat:m:one"))
    assert done.code == 125, done.err
    assert "it never went live" in done.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--at", "4"), "r1 has 3"),
        (("--at", "0"), "--at"),
        ((), "--at"),
        (("--at", "1", "--set", "model"), "K=V"),
        (("--at", "1", "--base-url", "llm.test"), "base URL"),
        (("--at", "1", "--live", "all"), "nothing that may go live"),
    ],
)
def test_wrong_usage(
    dashcam: Dashcam, agent: Agent, upstream: Upstream, flags: tuple[str, ...], said: str
) -> None:
    done = dashcam("fork", "r1", *flags, "--", "true")
    assert done.code == 2
    assert said in done.err
    assert not later(upstream)


def test_values_are_json_or_text(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("a\nb\n")
    given = ["a=1", "b=x=y", 'c={"d":true}', "e=", f"f=@{tmp_path / 'p'}", "g=[1"]
    assert fields(given) == {"a": 1, "b": "x=y", "c": {"d": True}, "e": "", "f": "a\nb", "g": "[1"}
    with pytest.raises(click.UsageError, match="K=V"):
        fields(["=1"])


def test_live_model_calls_are_steady_and_replay_as_the_agent_makes_them(
    dashcam: Dashcam, certificates: Certificates
) -> None:
    words = ("chat:gpt-4o:one", "get:/fixed?size=3")
    with Upstream(certificates) as upstream:
        command = Agent(upstream.http)(*words)
        assert dashcam("run", "--id", "r2", "--", *command).code == 0
        plain = dashcam("fork", "r2", "--at", "1", "--as-is", "--", *command)
        assert plain.code == 0, plain.err
        done = dashcam("fork", "r2", "--at", "1", "--json", "--", *command)
        assert done.code == 0, done.err
    seen = [json.loads(bytes(one.body.data)) for one in upstream.world.seen if one.body.data]
    settings = [(one.get("temperature"), one.get("seed")) for one in seen]
    assert settings == [(None, None), (None, None), (0, 1)]
    child = report(done)["runId"]
    store = open_store(URL, create=False)
    calls = [event for event in store.events(child) if "seq" in event.data]
    store.close()
    assert calls[0].data["notes"] == ["changed: temperature, seed"]
    replayed = dashcam("replay", child, "--", *command)
    assert replayed.code == 0, replayed.err
