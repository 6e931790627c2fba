import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.cli._replay import find
from proxy.stores import open_store
from proxy.stores._api import RunQuery, Store
from tests.cli.conftest import URL, Done, Recorded, recorded
from tests.upstream.certificates import Certificates

type Dashcam = Callable[..., Done]
type Judge = Callable[..., tuple[int, Any]]

WORDS = ("chat:m:one",)
ASK = "Does it greet?"


@pytest.fixture(scope="module")
def first(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    """Run r1 is one answered model call."""
    with recorded(certificates, tmp_path_factory.mktemp("first"), *WORDS) as made:
        yield made


@pytest.fixture
def judge(
    first: Recorded, folder: Path, dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """Asks about r1; the exit code, and the object or what was said on stderr."""
    first.into(folder)
    (folder / "dashcam.toml").write_text(
        f'upstream = ["openai={first.upstream.http}", "anthropic={first.upstream.http}"]\n'
        '[labels."*"]\nmax_length = 9000\ncitations = 9\n'
        f'judge = {{ model = "openai/judge-no", asks = "{ASK}" }}\n'
    )
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-abcdefghijklmnopqrstuvwxyz012345")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-abcdefghijklmnopqrstuvwxyz012345")

    def ask(*args: str) -> tuple[int, Any]:
        done = dashcam("judge", "last", *args, "--json")
        return done.code, json.loads(done.out) if done.out else done.err

    return ask


def test_asked_once_recorded_and_replayed(judge: Judge, first: Recorded, dashcam: Dashcam) -> None:
    code, said = judge()
    assert (code, said["passed"], said["recordedIn"]) == (2, False, None), said
    assert (said["outcome"]["status"], said["outcome"]["failureMode"]) == ("Failed", "Bad Output")
    assert "Does it greet? No: It is so." in said["outcome"]["reason"]
    seen = first.upstream.world.seen[len(WORDS) :]
    assert len(seen) == 1
    asked = json.loads(json.loads(bytes(seen[0].body.data))["messages"][1]["content"])
    assert (asked["asks"], asked["user"]) == (ASK, "one")

    code, again = judge("--replay")
    assert (code, again["passed"], again["recordedIn"]) == (2, False, said["judgeRun"])
    code, again = judge()
    assert (code, again["recordedIn"]) == (2, said["judgeRun"])
    assert len(first.upstream.world.seen) == len(WORDS) + 1  # nobody was contacted

    code, again = judge("--again")
    assert (code, again["recordedIn"]) == (2, None)
    assert len(first.upstream.world.seen) == len(WORDS) + 2

    store = open_store(URL)
    try:
        own = store.find_run(said["judgeRun"])
        assert (own.label, own.outcome, own.metadata["judgeOf"]) == ("judge", "Completed", "r1")
        (exchange,) = store.exchanges(own.id)
        assert b"abcdefghijklmnopqrstuvwxyz" not in repr(exchange.request.headers).encode()
        (served,) = store.exchanges(again_of(store, said["judgeRun"]))
        assert served.served_from == exchange.id
        judged = [one for one in store.events("r1") if one.data.get("validator") == "judge"]
        assert [one.data["judgeRun"] for one in judged] == [said["judgeRun"], again["judgeRun"]]
        outcomes = store.outcomes("r1")
        assert [one.source for one in outcomes] == ["rules", "judge"]
        assert judged[0].id in outcomes[1].evidence
        assert find(store, "last")[0].id == "r1"  # a judge's call is nothing to replay by itself
    finally:
        store.close()
    page = dashcam("explain", "r1").out
    assert "said by a judge that was asked" in page
    assert f"{ASK} No: It is so." in page.partition("evidence")[2]


def again_of(store: Store, run_id: str) -> str:
    """The newest replay of a judge's run."""
    rows = store.runs(RunQuery(label="judge"))
    return next(row.run.id for row in rows if row.run.metadata.get("replayOf") == run_id)


def test_a_yes_changes_nothing(judge: Judge) -> None:
    code, said = judge("--model", "anthropic/judge-yes")
    assert (code, said["passed"], said["outcome"]["status"]) == (0, True, "Completed")
    code, said = judge("--model", "anthropic/judge-no")
    assert (code, said["outcome"]["failureMode"]) == (2, "Bad Output")


def test_the_caller_has_the_last_word(judge: Judge, dashcam: Dashcam) -> None:
    assert dashcam("outcome", "r1", "Completed").code == 0
    code, said = judge()
    assert (code, said["outcome"]["status"]) == (2, "Completed")
    page = dashcam("explain", "r1").out
    assert f"{ASK} No: It is so." in page


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--replay",), 125, "has not been asked this"),
        (("--model", "openai/judge-broken"), 125, "neither true nor false"),
        (("--model", "openai/status-401"), 125, "status 401 was asked for"),
        (("--model", "nobody/m"), 2, "no upstream 'nobody'"),
        (("--model", "groq/m"), 2, "GROQ_API_KEY is not set"),
        (("--model", "gpt-5"), 2, "is not PROVIDER/MODEL"),
        (("--replay", "--again"), 2, "--again goes live"),
    ],
)
def test_no_verdict(judge: Judge, args: tuple[str, ...], code: int, words: str) -> None:
    found = judge(*args)
    assert found[0] == code
    assert words in found[1]


def test_another_place(judge: Judge, first: Recorded) -> None:
    url = f"{first.upstream.http}/v1"
    code, said = judge("--model", "any/judge-yes", "--ask", "Kind?", "--base-url", url)
    assert (code, said["model"], said["asks"]) == (0, "any/judge-yes", "Kind?")
