import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.model import Event
from proxy.stores import jsontext, shapes
from proxy.stores._api import AddEvent, AddExchange
from proxy.stores.sqlite import SqliteStore

type Call = Callable[..., AddExchange]

LONG = "of some length, so that it is worth a shape " * 8
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def data(number: int, **more: Any) -> dict[str, Any]:
    call = {"model": "m 100%", "said": LONG, "n": number, "limits": {"left": f"{number}%s"}}
    return {"latencyMs": number / 8, "call": call, "error": None, **more}


def placed(count: int, *datas: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    """What was given, what comes back, and the shape of each."""
    known = shapes.Shapes()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("""
            CREATE TABLE events (id, run_id, parent_event_id, kind, name, started_at, ended_at,
              status, data, shape);
            CREATE TABLE shapes (run_id, id, text);
            CREATE TABLE exchanges (id, run_id, seq, event_id);
        """)
        given_texts = []
        for number, one in enumerate([data(n) for n in range(count)] + list(datas)):
            text = jsontext.dumps(one)
            event = Event("r", "http", "e", 0.0, data=one)
            shape, stored = known.place(connection, event, text, named=False)
            row = (number, "r", stored, shape)
            connection.execute("INSERT INTO events (id, run_id, data, shape) VALUES (?,?,?,?)", row)
            given_texts.append(text)
        rows = connection.execute(
            f"SELECT data, (SELECT shape FROM events WHERE id = e.id) FROM {shapes.EVENTS} e"  # noqa: S608
        ).fetchall()
        return [(one, *row) for one, row in zip(given_texts, rows, strict=True)]


def test_the_third_of_a_kind_has_a_shape_and_all_come_back() -> None:
    rows = placed(6)
    assert [shape for *_, shape in rows] == [None, None, 1, 1, 1, 1]
    assert all(given == back for given, back, _ in rows)


@pytest.mark.parametrize(
    ("odd", "shape"),
    [
        (data(9, error="a value where none was"), 2),
        (data(9, error={"an": "object"}), None),
        (data(9, more=True), None),
        ({**data(9), "call": LONG}, None),
        (data(9) | {"latencyMs": float("nan")}, 1),
        (data(9) | {"latencyMs": 10**30}, 1),
        (data(9) | {"latencyMs": "\udcff"}, 1),
        (data(9) | {"latencyMs": [{}, []]}, 1),
        (data(9) | {"latencyMs": []}, None),  # what an exchange's id is said by
        ({"n": 1}, None),
    ],
    ids=str,
)
def test_what_is_not_like_the_others_comes_back_too(odd: dict[str, Any], shape: int | None) -> None:
    *_, (given, back, found) = placed(4, odd)
    assert given == back
    assert found in (shape, None)
    assert json.loads(back) == json.loads(jsontext.dumps(odd)) or "nan" in str(odd)


def test_a_value_that_only_looks_the_same_stays_what_it_is() -> None:
    """1, 1.0 and True are equal, and are not the same JSON."""
    rows = placed(3, *(data(n) | {"error": value} for n, value in enumerate([1, True, 1.0, 1])))
    assert all(given == back for given, back, _ in rows)


def test_events_with_too_little_in_common_stay_whole() -> None:
    many = [{"said": LONG, **{f"k{k}": n * 100 + k for k in range(40)}} for n in range(6)]
    assert [(given == back, shape) for given, back, shape in placed(0, *many)] == [(True, None)] * 6


@given(st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES, "%s": VALUES}), max_size=8))
def test_any_data_comes_back_to_the_letter(values: list[dict[str, Any]]) -> None:
    rows = placed(0, *({"said": LONG, "call": value, **value} for value in values))
    assert all(given == back for given, back, _ in rows)


@pytest.fixture
def shaped(store: SqliteStore, call: Call) -> SqliteStore:
    """A run of ten calls, most of which have a shape."""
    for number in range(10):
        made = call(number)
        about = {"exchangeId": made.exchange.id, "seq": 0, **data(number)}
        store.write([AddExchange(made.exchange, replace(made.event, data=about))])
    assert store._writer.execute("SELECT count(shape) FROM events").fetchone() == (8,)
    return store


def test_an_exchanges_id_is_stored_once_and_said_by_its_event(shaped: SqliteStore) -> None:
    found = [(event.data["exchangeId"], event.data["seq"]) for event in shaped.events("run_a")]
    assert found == [(one.id, one.seq) for one in shaped.exchanges("run_a")]
    assert shaped.verify() == []


def test_an_event_without_its_exchange_keeps_the_id_that_it_says(store: SqliteStore) -> None:
    events = [
        Event("r", "state", "e", n, data={"exchangeId": f"x{n}", "seq": n, **data(n)})
        for n in range(5)
    ]
    store.write([AddEvent(event) for event in events])
    assert [event.data["exchangeId"] for event in store.events("r")] == [f"x{n}" for n in range(5)]
    assert store.verify() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE shapes SET text = replace(text, 'm 100', 'm 200')",
        "UPDATE shapes SET text = 'nothing'",
        "DELETE FROM shapes",
        "UPDATE events SET shape = 7 WHERE id = 9",
        "UPDATE events SET data = replace(data, '1.0', '2.0') WHERE shape IS NOT NULL",
        "UPDATE exchanges SET id = id || 'x' WHERE seq = 9",
    ],
)
def test_a_shape_that_was_changed_is_found(shaped: SqliteStore, change: str) -> None:
    assert shaped._writer.execute(change).rowcount
    assert shaped.verify() != []


def test_shapes_go_with_their_run(shaped: SqliteStore, path: Path) -> None:
    shaped.delete_run("run_a")
    assert shaped._writer.execute("SELECT count(*) FROM shapes").fetchone() == (0,)
    shaped.close()
    assert b"of some length" not in path.read_bytes()
