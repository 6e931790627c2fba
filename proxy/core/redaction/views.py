r"""The same bytes with one layer of escapes taken off, and the way back to where they were.

JSON lets any character be written as `\u0073`, URLs as `%73`. A view shows them plain; positions
in it are taken back by walking the escapes once more, so that a view costs no memory for a map.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from proxy.core.slices import find, search

_UNICODE = re.compile(rb"\\++u00(?!5[cC])([2-7][0-9A-Fa-f])")
# Characters that no serialiser has to escape, save quotes, which .NET writes as \u0022. Without one
# of them the plain bytes show everything: HTML's signs are escaped by many, and hide nothing.
_HIDING = re.compile(
    rb"\\u00(?:22|2[5b-fB-F]|3[0-9aAdD]|4[0-9a-fA-F]|[57][0-9aA]|5[fF]|6[1-9a-fA-F])"
)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
# An equals sign or a quote: without one of them no name of a credential stands before a value.
_HIDING_PERCENT = re.compile(rb"%(?:25)*+(?:3[dD]|22)")
_PERCENTS = re.compile(rb"%(?:25)*([0-9A-Fa-f]{2})")  # all layers at once
_REFERENCE = re.compile(
    rb"&(?:amp;)*+(?:#(?:0*+(?P<ten>[0-9]{2,3})|[xX]0*+(?P<hex>[2-7][0-9A-Fa-f]))"
    rb"|(?P<name>quot|apos|colon|equals|lowbar|period|sol|amp));"
)
_NAMED = {
    b"quot": b'"',
    b"apos": b"'",
    b"colon": b":",
    b"equals": b"=",
    b"lowbar": b"_",
    b"period": b".",
    b"sol": b"/",
    b"amp": b"&",
}
_ASCII = 127


class View(NamedTuple):
    """`data` is what `source` says when `escape` is taken off."""

    data: bytes
    source: bytes
    escape: re.Pattern[bytes]

    def back(self, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Where in the source the spans of `data` are; one result a span, in the same order."""
        wanted = sorted({at for span in spans for at in span})
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        plain = moved = 0  # position in `data` after the last escape; source minus data there
        waiting = iter(wanted)
        at = next(waiting, None)
        for found in self.escape.finditer(self.source):
            if at is None:
                break
            here = found.start() - moved  # where the escape's one character is in `data`
            while at is not None and at <= here:
                starts[at] = at + moved
                ends[at] = at + moved
                at = next(waiting, None)
            plain = here + 1
            moved = found.end() - plain
            if at == plain:
                starts[at] = ends[at] = found.end()
                at = next(waiting, None)
        while at is not None:
            starts[at] = ends[at] = at + moved
            at = next(waiting, None)
        return [(starts[start], ends[end]) for start, end in spans]


def _plain(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())


def unescaped(data: bytes) -> View | None:
    r"""The view without `\u00XX` escapes, None when they hide nothing."""
    if b"\\" not in data or find(data, b"\\u00") < 0 or not search(_HIDING, data):
        return None
    return View(_UNICODE.sub(_plain, data), data, _UNICODE)


def _referred(found: re.Match[bytes]) -> bytes:
    if name := found["name"]:
        return _NAMED[name]
    number = int(found["ten"]) if found["ten"] else int(found["hex"], 16)
    return bytes((number,)) if number <= _ASCII else b"?"


def unreferenced(data: bytes) -> View | None:
    """The view without HTML's references (`&quot;`, `&#83;`), None when there are none."""
    if b"&" not in data or not search(_REFERENCE, data):
        return None
    return View(_REFERENCE.sub(_referred, data), data, _REFERENCE)


def unquoted_text(data: bytes) -> View | None:
    """The view without percent escapes, however deep; None when they hide no names."""
    if b"%" not in data or not search(_HIDING_PERCENT, data):
        return None
    return View(_PERCENTS.sub(_plain, data), data, _PERCENTS)


def unquoted(data: bytes) -> View | None:
    """The view without percent escapes, None when there are none."""
    if b"%" not in data or not search(_PERCENT, data):
        return None
    return View(_PERCENT.sub(_plain, data), data, _PERCENT)
