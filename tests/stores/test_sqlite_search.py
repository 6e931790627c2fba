import gzip
import json
import re
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.core.model import Body, End, RequestHead, ResponseHead
from proxy.errors import StoreError
from proxy.stores import sqlite_read, sqlite_search
from proxy.stores._api import AddExchange, RunQuery
from proxy.stores.sqlite import SqliteStore

type Call = Callable[..., AddExchange]
type Opens = Callable[..., SqliteStore]

HEAD = RequestHead("POST", "https", "api.openai.com", 443, "/v1/chat/completions")


def chat(
    call: Call, number: int, run_id: str, *said: str, answer: str = "ok", **values: object
) -> AddExchange:
    """A model call with these messages."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(said)]
    body = json.dumps({"model": "gpt-5", "messages": messages}).encode()
    message = {"role": "assistant", "content": answer}
    reply = {"id": "c", "choices": [{"message": message, "finish_reason": "stop"}]}
    packed = gzip.compress(json.dumps(reply).encode())
    head = ResponseHead(200, headers=((b"Content-Encoding", b"gzip"),))
    given = {
        "request": HEAD,
        "request_body": Body(body),
        "response": head,
        "response_body": Body(packed),
    }
    return call(number, run_id, **{**given, **values})


def found(store: SqliteStore, words: str, **values: object) -> list[str]:
    return [row.run.id for row in store.runs(RunQuery(search=words, **values))]  # type: ignore[arg-type]


@pytest.fixture
def talked(store: SqliteStore, call: Call) -> SqliteStore:
    store.write([chat(call, 1, "run_a", "Where is the café's\ninvoice?", answer="On the shelf.")])
    store.write([chat(call, 2, "run_b", "Refund order 4711", answer="It was refunded")])
    store.write(
        [chat(call, 3, "run_b", "Refund order 4711", "It was refunded", "Thanks", answer="bye")]
    )
    store.write([chat(call, 4, "run_c", "Refund invoice 12", answer="Not yet")])
    return store


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("invoice", ["run_c", "run_a"]),
        ("INVOICE", ["run_c", "run_a"]),
        ("cafe invoice", ["run_a"]),
        ("shelf", ["run_a"]),
        ("refund", ["run_c", "run_b"]),
        ("refund*", ["run_c", "run_b"]),
        ("refun*", ["run_c", "run_b"]),
        ("refun", []),
        ('"refund order"', ["run_b"]),
        ('"order refund"', []),
        ("order refund", ["run_b"]),
        ("thanks", ["run_b"]),
        ("nowhere", []),
        ("4711 OR 12", []),
        ("-- ; ' \" * ( ) AND", []),
        ("", []),
        ("user", []),
    ],
)
def test_what_was_said_is_found(talked: SqliteStore, text: str, runs: list[str]) -> None:
    assert found(talked, text) == runs


def test_a_search_goes_with_the_other_filters(talked: SqliteStore) -> None:
    assert found(talked, "refund", limit=1) == ["run_c"]
    assert found(talked, "refund", text="run_b") == ["run_b"]
    assert found(talked, "refund", outcome="Completed") == []
    assert found(talked, "refund", until=0.0) == []


def test_the_index_follows_what_is_stored(talked: SqliteStore, call: Call) -> None:
    assert found(talked, "later") == []
    talked.write([chat(call, 9, "run_a", "Where is it?", "On the shelf.", "And later?")])
    assert found(talked, "later") == ["run_a"]
    documents = "SELECT count(*) FROM searched"
    assert talked._writer.execute(documents).fetchone() == (4,)
    assert found(talked, "later") == ["run_a"]
    assert talked._writer.execute(documents).fetchone() == (4,)
    assert talked.verify() == []


def test_who_never_searches_has_no_index(store: SqliteStore, call: Call) -> None:
    store.write([chat(call, 1, "run_a", "hello")])
    store.runs(RunQuery(text="hello"))
    names = {row[0] for row in store._writer.execute("SELECT name FROM sqlite_schema")}
    assert not names & sqlite_search.NAMES["table"]


def test_an_exchange_that_has_not_ended_waits(store: SqliteStore, call: Call) -> None:
    store.write([chat(call, 1, "run_a", "hello", end=End.INTERRUPTED)])
    assert found(store, "hello") == []
    store.write([chat(call, 1, "run_a", "hello")])
    assert found(store, "hello") == ["run_a"]
    store.delete_run("run_a")
    assert found(store, "hello") == []


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob("dashcam.db*")))


@pytest.mark.parametrize("rounds", [1, 9])
def test_a_deleted_run_leaves_no_word(opened: Opens, path: Path, call: Call, rounds: int) -> None:
    """Also not where the index was, and although others have said much of the same."""
    store = opened()
    for number in range(rounds):
        for run in range(6):
            said = [f"common words {number}", "answer", f"zq{run}xk{number}jv and {run * 7919}"]
            store.write([chat(call, number, f"run_{run}", *said, answer=f"wv{run}kq{number}")])
        if number % 4 == 0:
            found(store, "common")  # documents of several sizes
    assert found(store, "zq3xk0jv") == ["run_3"]
    assert b"zq3xk0jv" in on_disk(path) or b"3xk0jv" in on_disk(path)
    store.delete_run("run_3")
    assert found(store, "zq3xk0jv") == []
    assert found(store, "common") == [f"run_{n}" for n in (5, 4, 2, 1, 0)]
    assert found(store, "zq4xk0jv") == ["run_4"]
    terms = words_of(store)
    assert {word for word in terms if "zq4" in word}
    assert not {word for word in terms if "zq3" in word or "wv3" in word}
    assert b"3xk0jv" not in on_disk(path)
    assert store.verify() == []


def words_of(store: SqliteStore) -> set[str]:
    """All that the index knows."""
    store._writer.execute("CREATE VIRTUAL TABLE temp.known USING fts5vocab(main, said, row)")
    words = {row[0] for row in store._writer.execute("SELECT term FROM temp.known")}
    store._writer.execute("DROP TABLE temp.known")
    return words


def test_two_who_search_at_once(talked: SqliteStore, call: Call) -> None:
    """Of two who read the same page one puts it in; what was deleted meanwhile stays out."""
    with talked._readers.one() as connection:
        page = sqlite_search.gather(connection)
    assert page is not None
    assert [run_id for _, run_id, _ in page.documents] == ["run_a", "run_b", "run_c"]
    talked.delete_run("run_a")
    for _ in range(2):
        sqlite_search.put(talked._writer, page)
    assert found(talked, "refund") == ["run_c", "run_b"]
    assert found(talked, "shelf") == []
    assert not {word for word in words_of(talked) if "shelf" in word}


def test_recording_goes_on_while_the_index_is_made(
    talked: SqliteStore, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_search, "_PAGE", 1)
    real, others = sqlite_search.gather, iter(range(100, 103))

    def gather(connection: sqlite3.Connection) -> sqlite_search.Page | None:
        for number in others:  # in another thread, as the recorder is
            batch = [chat(call, number, "run_d", f"meanwhile {number}")]
            writing = threading.Thread(target=talked.write, args=(batch,))
            writing.start()
            writing.join(10)
            assert not writing.is_alive()
            break
        return real(connection)

    monkeypatch.setattr(sqlite_search, "gather", gather)
    assert found(talked, "meanwhile") == ["run_d"]
    assert found(talked, "102") == ["run_d"]
    assert found(talked, "invoice") == ["run_c", "run_a"]


def test_an_index_that_is_not_sure_goes(
    talked: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(talked, "shelf") == ["run_a"]
    monkeypatch.setattr(sqlite_search, "_version", lambda: "another")
    talked.delete_run("run_a")
    here = talked._writer.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'said'")
    assert here.fetchone() == (0,)
    assert found(talked, "shelf") == []
    assert found(talked, "refund") == ["run_c", "run_b"]


def test_damaged_runs_can_be_deleted_and_passed_over(talked: SqliteStore, call: Call) -> None:
    alone = RequestHead("POST", "https", "other.test", 443, "/v1/chat/completions")
    talked.write([chat(call, 6, "run_z", "zebra", request=alone)])
    assert found(talked, "zebra") == ["run_z"]
    talked._writer.execute("UPDATE blobs SET data = x'00' WHERE run = 4")
    talked.write([chat(call, 7, "run_z", "more", request=alone), chat(call, 8, "run_b", "more")])
    assert found(talked, "more") == ["run_b"]
    talked.delete_run("run_z")
    assert found(talked, "refund") == ["run_c", "run_b"]
    assert found(talked, "zebra") == []


def test_without_fts5(talked: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = sqlite_search._TABLES.replace("fts5", "fts6")
    monkeypatch.setattr(sqlite_search, "_TABLES", broken)
    with pytest.raises(StoreError, match="without FTS5"):
        found(talked, "shelf")


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(search="x"),
        RunQuery(search="x", label="l", outcome="Failed", since=1.0),
        RunQuery(search="x", text="t"),
    ],
)
def test_nothing_is_walked_through(talked: SqliteStore, query: RunQuery) -> None:
    found(talked, "shelf")
    where, values = sqlite_read.runs_filter(query)
    if query.text:
        where.append(sqlite_read._ONE_BY_ONE)
    statements: list[tuple[str, Any]] = [
        (sqlite_search.matches(where), {**values, "search": "x"}),
        (sqlite_search._ENDS, ("r",)),
        (sqlite_search._LAST, (0, 9)),
    ]
    for statement, given in statements:
        plan = talked._writer.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall()
        steps = [row[3] for row in plan]
        assert not [step for step in steps if "TEMP B-TREE" in step], steps
        for step in steps:
            if step.startswith("SCAN"):  # the index itself, a page of it, or the few texts
                assert re.match(r"SCAN (said VIRTUAL|\(subquery|agent_events USING|texts)", step), (
                    steps
                )
