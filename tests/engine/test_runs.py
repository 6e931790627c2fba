import pytest

from proxy.core.correlation import WITNESSES, Peer
from proxy.core.model import Own, RequestHead, Run
from proxy.engine import processes, runs
from proxy.engine.runs import RunBook

HEAD = RequestHead("GET", "https", "a.test", 443, "/")
NOBODY = Own()


@pytest.fixture
def book() -> RunBook:
    return RunBook(order=tuple(WITNESSES), label="agent")


def test_calls_of_one_run_are_numbered_by_their_start(book: RunBook) -> None:
    own = Own(run="r1", label="Support")
    joined = [book.join(HEAD, own, Peer()) for _ in range(3)]
    assert [one.seq for one in joined] == [1, 2, 3]
    assert [one.news is not None for one in joined] == [True, False, False]
    assert joined[0].live.run.label == "Support"


def test_metadata_that_comes_later_is_news_once(book: RunBook) -> None:
    book.join(HEAD, Own(run="r1"), Peer())
    later = Own(run="r1", meta={"ticket": 7}, parent="p")
    assert book.join(HEAD, later, Peer()).news is not None
    assert book.join(HEAD, later, Peer()).news is None
    assert book.live["r1"].run.metadata["ticket"] == 7
    assert book.live["r1"].run.metadata["parent"] == "p"


def test_a_run_inside_a_listeners_run_is_its_child(book: RunBook) -> None:
    book.open(Run("outer", "Support", "outer", 1.0))
    inner = book.join(HEAD, Own(run="inner"), Peer(run="outer"))
    assert inner.live.run.metadata["parent"] == "outer"
    assert inner.live.run.label == "Support"


def test_without_any_witness_the_process_is_the_run(
    book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "name", lambda peer: f"pid:{peer.address[-1]}")
    first = book.join(HEAD, NOBODY, Peer("127.0.0.1:1"))
    again = book.join(HEAD, NOBODY, Peer("127.0.0.1:1"))
    other = book.join(HEAD, NOBODY, Peer("127.0.0.1:2"))
    assert first.live is again.live
    assert other.live.run.id != first.live.run.id
    assert first.live.run.correlation_id == "pid:1"
    book.close(first.live.run.id)
    assert book.join(HEAD, NOBODY, Peer("127.0.0.1:1")).live.run.id != first.live.run.id


def test_quiet_runs_are_idle_unless_held_or_busy(
    book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(runs, "steady", lambda: now[0])
    monkeypatch.setattr(runs, "wall", lambda: 1e10 - now[0] * 1e6)  # set back, and by far
    book.open(Run("held", "a", "held", 1.0))
    book.join(HEAD, Own(run="quiet"), Peer())
    book.join(HEAD, Own(run="busy"), Peer())
    book.leave("quiet")
    now[0] = 150.0
    assert book.idle(60) == []
    now[0] = 161.0
    assert book.idle(60) == ["quiet"]
