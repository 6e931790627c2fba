"""Finding keys by their shape: the table of formats, compiled.

Every format has an anchor, the literal character its lead ends in; formats are grouped by it. A
group's pattern begins with the anchor, which the regular expression engine looks for at memory
speed, then looks back at the few characters before it, and only then tries whole formats. Every
pattern is linear: leads have a fixed width, what may repeat has no overlap with what follows it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from proxy.core.redaction import pseudonym
from proxy.core.redaction.formats import KEY_FORMATS, KeyFormat
from proxy.core.redaction.spans import Find

# What may stand before a lead although it ends in a word character: an escape.
_ESCAPED = r"(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2})"
_LOOK = 4  # characters of a lead, anchor included, that the first look compares
_JSON_ESCAPE = re.compile(rb"\\++(?:u00([2-7][0-9A-Fa-f])|(.))", re.DOTALL)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class _Group(NamedTuple):
    anchor: bytes
    pattern: re.Pattern[bytes]
    kinds: tuple[str, ...]


class Shapes:
    """The compiled table."""

    def __init__(self, formats: Iterable[KeyFormat] = KEY_FORMATS) -> None:
        by_anchor: dict[str, list[KeyFormat]] = {}
        for row in formats:
            by_anchor.setdefault(row.lead[-1], []).append(row)
        self._groups = tuple(_compile(anchor, rows) for anchor, rows in by_anchor.items())

    def find(self, data: bytes) -> Iterator[Find]:
        """The keys in `data`; pseudonyms and what holds one are passed over."""
        for anchor, pattern, kinds in self._groups:
            at = data.find(anchor)
            if at < 0:
                continue
            for found in pattern.finditer(data, at):
                group = found.lastindex or 1
                start = found.start(group)
                value = data[start : found.end()]
                if not pseudonym.is_in(value):
                    yield Find(start, found.end(), plain(value), kinds[group - 1])

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
    fixed = [row for row in rows if "[" not in row.lead]
    other = [row for row in rows if "[" in row.lead]
    ways: list[str] = []
    if fixed:
        ways.append(f"(?:{_first_look(fixed)})(?:{'|'.join(map(_whole, fixed))})")
    ways += [f"{_literal_end(row.lead)}{_whole(row)}" for row in other]
    pattern = re.compile(f"{re.escape(anchor)}(?:{'|'.join(ways)})".encode())
    return _Group(anchor.encode(), pattern, tuple(row.kind for row in (*fixed, *other)))


def _whole(row: KeyFormat) -> str:
    """One format, seen from behind its anchor; its one group spans the secret from its start."""
    edge = f"(?:(?<![{row.edge}])|{_ESCAPED})" if row.edge else ""
    if row.keep:
        return f"(?<={edge}{row.lead})(?:{row.keep})({row.tail})"
    return f"(?<={edge}({row.lead})){row.tail}"


def _first_look(rows: list[KeyFormat]) -> str:
    """A cheap test that the anchor may be the end of one of the leads.

    Ends of equal length are compared column by column before they are compared in full: that
    turns most places away with two or three bit tests.
    """
    ends: dict[int, set[str]] = {}
    heads: set[str] = set()
    for row in rows:
        lead = re.sub(r"\\(.)", r"\1", row.lead)
        if len(lead) == 1:
            heads.add(_literal_start(row.keep or row.tail))
        else:
            ends.setdefault(min(_LOOK, len(lead)), set()).add(lead[-_LOOK:])
    looks = [f"(?={'|'.join(sorted(heads))})"] if heads else []
    for width, texts in ends.items():
        columns = ("".join(sorted({text[at] for text in texts})) for at in range(width))
        classes = "".join(f"[{re.escape(column)}]" for column in columns)
        full = "|".join(re.escape(text) for text in sorted(texts))
        looks.append(f"(?<={classes})(?<=(?:{full}))")
    return "|".join(looks)


def _literal_end(lead: str) -> str:
    """A look back at the plain characters that a lead with character classes ends in."""
    end = re.search(r"(?:\\.|[^\]}\\])*\Z", lead)
    return f"(?<={end[0]})" if end and end[0] else ""


def _literal_start(pattern: str) -> str:
    """The letters a pattern begins with, at most three."""
    found = re.match(r"[A-Za-z]{1,3}", pattern)
    if not found:
        raise ValueError(f"a one-character lead needs letters after it: {pattern!r}")
    return found[0]
