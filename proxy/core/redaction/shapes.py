"""Finding keys by their shape: the table of formats, compiled.

Every format has an anchor, the literal character its lead ends in; formats are grouped by it. A
pass over the data looks for one anchor at memory speed, then for a long run of key characters after
it and, column by column, at the three characters before it. That turns nearly all places away; only
then whole formats are tried. Every
pattern is linear: leads have a fixed width, what may repeat has no overlap with what follows it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from proxy.core import slices
from proxy.core.redaction import pseudonym
from proxy.core.redaction.formats import BLOB, KEY_FORMATS, SEGMENT, WORD, KeyFormat
from proxy.core.redaction.spans import Find

# What may stand before a lead although it ends in a word character: an escape.
_ESCAPED = r"(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2})"
_EDGES = (WORD, SEGMENT, BLOB)  # all of WORD is in the others
_LOOK = 4  # characters of a lead, anchor included, that the look compares
_LONG = r"(?=[A-Za-z0-9_+/=%~.\-]{12})"  # what every tail without a peek begins with
_JSON_ESCAPE = re.compile(rb"\\++(?:u00([2-7][0-9A-Fa-f])|(.))", re.DOTALL)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class _Formats:
    """Formats that are tried together, compiled when they first are."""

    __slots__ = ("_rows", "kinds", "match")

    def __init__(self, rows: Sequence[KeyFormat]) -> None:
        self._rows = rows
        self.kinds = tuple(row.kind for row in rows)
        self.match: Callable[[bytes, int], re.Match[bytes] | None] = self._first_match

    def _first_match(self, data: bytes, at: int) -> re.Match[bytes] | None:
        """The one of them whose anchor is at `at`; its one group spans the secret."""
        ways = "|".join(map(_whole, self._rows))
        self.match = re.compile(f"{re.escape(self._rows[0].lead[-1])}(?:{ways})".encode()).match
        return self.match(data, at)


class _Group(NamedTuple):
    """The formats of one anchor.

    `look` finds places that may be the end of a lead; `ends` has the formats for the (up to four)
    characters that a lead ends in, `peeked` those whose lead says nothing.
    """

    look: re.Pattern[bytes]
    ends: Mapping[bytes, _Formats]
    peeked: _Formats | None


class Shapes:
    """The table, of which each part is compiled when there is something that it may find."""

    def __init__(self, formats: Iterable[KeyFormat] = KEY_FORMATS) -> None:
        self._rows: dict[bytes, list[KeyFormat]] = {}
        for row in formats:
            self._rows.setdefault(row.lead[-1].encode(), []).append(row)
            if not row.peek:
                _end(row.lead)  # which raises for one that says nothing
        self._groups: dict[bytes, _Group] = {}

    def find(self, data: bytes) -> Iterator[Find]:
        """The keys in `data`; pseudonyms and what holds one are passed over."""
        for anchor in self._rows:
            at = data.find(anchor)
            if at < 0:
                continue
            look, ends, peeked = self._groups.get(anchor) or self._compiled(anchor)
            reach = 0
            for hit in slices.finditer(look, data, at):
                at = hit.end()
                way = ends.get(data[at - 4 : at]) or ends.get(data[at - 3 : at])
                way = way or ends.get(data[at - 2 : at]) or peeked
                if way is None or at <= reach:
                    continue
                found = way.match(data, at - 1)
                if found is None and peeked is not None and way is not peeked:
                    way = peeked
                    found = way.match(data, at - 1)
                if found is None:
                    continue
                reach = found.end()
                at = found.start(found.lastindex or 1)
                value = data[at:reach]
                if not pseudonym.is_in(value):
                    yield Find(at, reach, plain(value), way.kinds[(found.lastindex or 1) - 1])

    def _compiled(self, anchor: bytes) -> _Group:
        group = self._groups[anchor] = _compile(anchor.decode(), self._rows[anchor])
        return group

    def kind(self, value: bytes) -> str:
        """The kind of format that the whole of `value` has, empty when none."""
        for find in self.find(value):
            if find.start == 0 and find.end == len(value):
                return find.kind
        return ""


def plain(value: bytes) -> bytes:
    """A key without JSON's escapes, however deep it was nested: it has none of its own."""
    if b"\\" not in value:
        return value
    return _JSON_ESCAPE.sub(_unescape, value)


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return bytes.fromhex(found[1].decode())
    return _CONTROL.get(found[2], found[2])


def _compile(anchor: str, rows: list[KeyFormat]) -> _Group:
    by_end: dict[str, list[KeyFormat]] = {}
    for row in rows:
        if not row.peek:
            by_end.setdefault(_end(row.lead), []).append(row)
    ways: list[str] = []
    for width, of_word in sorted({_sort(end) for end in by_end}):
        ends = [end for end in by_end if _sort(end) == (width, of_word)]
        columns = ("".join(sorted({end[at] for end in ends})) for at in range(width))
        one_of = "".join(f"[{re.escape(column)}]" for column in columns)
        before = _before([row for end in ends for row in by_end[end]], width)
        ways.append(f"(?<={one_of})" + (f"(?<={before}{one_of})" if before else ""))
    looks = [f"{_LONG}(?:{'|'.join(ways)})"] if ways else []
    peeks = [row for row in rows if row.peek]
    if peeks:
        looks.append(f"(?={'|'.join(row.peek for row in peeks)})")
    return _Group(
        re.compile(f"{re.escape(anchor)}(?:{'|'.join(looks)})".encode()),
        {end.encode(): _Formats(some) for end, some in by_end.items()},
        _Formats(peeks) if peeks else None,
    )


def _sort(end: str) -> tuple[int, bool]:
    """What ends of leads have in common whose columns are compared together."""
    return len(end), end[0].isalnum()


def _before(rows: Iterable[KeyFormat], width: int) -> str:
    """What stands before leads that are no longer than a look: no part of the same word."""
    if all(len(row.lead.replace("\\", "")) == width and row.edge in _EDGES for row in rows):
        return f"(?:(?<![{WORD}])|{_ESCAPED})"
    return ""


def _end(lead: str) -> str:
    """The plain characters a lead ends in, at most four, at least two."""
    found = re.search(r"(?:\\.|[^\]}\\])*\Z", lead)
    end = re.sub(r"\\(.)", r"\1", found[0] if found else "")[-_LOOK:]
    if len(end) < 2:  # noqa: PLR2004 - one character says nothing
        raise ValueError(f"a lead that ends in less than two plain characters: {lead!r}")
    return end


def _whole(row: KeyFormat) -> str:
    """One format, seen from behind its anchor; its one group spans the secret from its start."""
    edge = f"(?<=(?:(?<![{row.edge}])|{_ESCAPED}){row.lead})" if row.edge else ""
    if row.keep:
        return f"(?<={row.lead}){edge}(?:{row.keep})({row.tail})"
    return f"(?<=({row.lead})){edge}{row.tail}"
