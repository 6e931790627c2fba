"""What the events of a run have in common, stored once.

The data of one call is, but for some values, the data of the call before: the same keys, URL,
model, settings. From the third such event of a run on, what they share is kept as a shape: JSON
with a hole (`%s`) for each value that changes. An event is then its shape's number and a list of
the values for the holes. The view `agent_events` puts both together again, with nothing but SQL.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress
from operator import ne
from typing import Any, NamedTuple

from proxy.core.model import Event
from proxy.stores import jsontext

HOLES = 24  # at most; the view has a place for each
_LEAST = 300  # shorter data is not worth it
_USUAL = 3  # events alike, before there is a shape
_DEPTH = 2  # of objects that are looked into
_REMEMBERED = 4000  # kinds of events, of all runs
_NAMED = "[]"  # in the first hole: the id of the event's exchange, which is found by the second


_EXCHANGE = """
(SELECT json_quote(x.id) FROM exchanges x
WHERE x.run_id = e.run_id AND x.seq = data->>1 AND x.event_id = e.id)
""".strip()
_VALUES = ",".join(f"data->{hole}" for hole in range(1, HOLES))
COLUMN = f"""
iif(shape IS NULL, data, coalesce(format(
(SELECT text FROM shapes s WHERE s.run_id = e.run_id AND s.id = shape),
iif(data->0 = '{_NAMED}', {_EXCHANGE}, data->0),{_VALUES}), data))
""".strip()  # noqa: S608 - constants
"""The data of a row of `events e` as it was given, as SQL."""
EVENTS = f"""
(SELECT id, run_id, parent_event_id, kind, name, started_at, ended_at, status, {COLUMN} AS data,
shape FROM events e)
"""  # noqa: S608 - constants
"""What the view `agent_events` shows, for a FROM; connections that trust no schema have no view."""

_INSERT = """
INSERT INTO shapes SELECT ?1, 1 + coalesce(max(id), 0), ?2 FROM shapes WHERE run_id = ?1
RETURNING id
"""


@dataclass(slots=True)
class _Shape:
    """Events with the same keys: the values of the first, and the places where others differ."""

    values: list[Any]
    holes: list[int] = field(default_factory=list)
    met: int = 1
    id: int | None = None
    text: str = ""


class Placed(NamedTuple):
    """An event's data as it is stored: whole when `shape` is None, else what fills its holes."""

    shape: int | None
    text: str


class _Data(NamedTuple):
    run_id: str
    data: Mapping[str, Any]
    values: list[Any]
    text: str
    named: bool


class Shapes:
    """The shapes that a writer has made; only a shortcut, it may forget them at any time."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Shape] = {}

    def forget(self) -> None:
        """After a rollback, and after a deletion by any process."""
        self._known.clear()

    def place(
        self, connection: sqlite3.Connection, event: Event, text: str, *, named: bool
    ) -> Placed:
        """How the data of `event` is stored: `text` is what comes back, to the letter.

        `named` is the data of an exchange that is stored with it, as `exchangeId` and `seq` say.
        """
        run_id, data = event.run_id, event.data
        if len(text) < _LEAST:
            return Placed(None, text)
        keys: list[object] = [run_id]
        values: list[Any] = []
        _take_apart(data, keys, values, _DEPTH)
        shape = self._alike(tuple(keys), values)
        if shape is None:
            return Placed(None, text)
        filled = _filled(connection, shape, _Data(run_id, data, values, text, named))
        return filled or Placed(None, text)

    def _alike(self, keys: tuple[object, ...], values: list[Any]) -> _Shape | None:
        """The shape of such events; None when there is none, or not yet."""
        shape = self._known.get(keys)
        if shape is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[keys] = _Shape(values)
            return None
        changed = [*compress(range(len(values)), map(ne, values, shape.values))]
        if not set(changed).issubset(shape.holes):
            shape.holes = sorted({*shape.holes, *changed})
            shape.id = None
            if len(shape.holes) > HOLES:  # they have too little in common
                self._known[keys] = _Shape(values)
                return None
        shape.met += 1
        return shape if shape.met >= _USUAL else None


def _filled(
    connection: sqlite3.Connection,
    shape: _Shape,
    event: _Data,
) -> Placed | None:
    """None when this shape would not give `text` again."""
    try:
        parts = [jsontext.dumps(event.values[place]) for place in shape.holes]
        if shape.id is None:
            places = iter(range(len(event.values)))
            shape.text = _put_together(event.data, set(shape.holes), places, _DEPTH)
    except (TypeError, ValueError):  # a value that JSON can only say in some other way
        return None
    if shape.text % tuple(parts) != event.text or parts[:1] == [_NAMED]:
        return None
    if shape.id is None:
        shape.id = int(connection.execute(_INSERT, (event.run_id, shape.text)).fetchone()[0])
    if event.named and shape.text.startswith('{"exchangeId":%s,"seq":%s,'):
        parts[0] = _NAMED
    return Placed(shape.id, f"[{','.join(parts)}]")


def _take_apart(data: Mapping[str, Any], keys: list[object], values: list[Any], depth: int) -> None:
    """The keys of `data` with those of the objects in it, and what is no object as values."""
    for key, value in data.items():
        keys.append(key)
        if depth and type(value) is dict:
            keys.append(None)  # an object begins, and ends
            _take_apart(value, keys, values, depth - 1)
            keys.append(None)
        else:
            values.append(value)


def _put_together(
    data: Mapping[str, Any], holes: set[int], places: Iterator[int], depth: int
) -> str:
    """`data` as JSON with holes at these places, counted as `_take_apart` does."""
    out = []
    for key, value in data.items():
        if depth and type(value) is dict:
            said = _put_together(value, holes, places, depth - 1)
        elif next(places) in holes:
            said = "%s"
        else:
            said = jsontext.dumps(value).replace("%", "%%")
        out.append(f"{jsontext.dumps(key).replace('%', '%%')}:{said}")
    return f"{{{','.join(out)}}}"
