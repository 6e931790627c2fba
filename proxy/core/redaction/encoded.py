r"""Secrets inside base64 and hexadecimal: `data:` URIs, Kubernetes secrets, cursors, dumps.

Only what decodes to ASCII text is looked into. Such base64 is regular: of each three bytes the high
bit is clear and few control characters are in use, which leaves one in ten groups of four
characters. Whether so many of them follow one another is told for all characters at once, with a
few operations on a long number; so texts are found wherever they begin, and images, embeddings,
signatures and ids are turned away unread. All texts of a document are searched in one go.
"""

import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

from proxy.core import slices
from proxy.core.redaction import pseudonym
from proxy.core.redaction.spans import Find

type Search = Callable[[bytes], list[Find]]

_FIRST = b"CDIJKLMNOPQRSTUVWXYZabcdef"
_SECOND = b"ABCDEFGHQRSTUVWXghijklmnwxyz0123"
_THIRD = b"ABEFIJMNQRUVYZcdghklopstwx014589"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_HEX = b"0123456789abcdefABCDEF"
_SHORTEST = 20  # characters of base64: 15 bytes
_DROPPED = re.compile(rb"\\++[rn]|[\r\n]|\\++(?=/)")  # between lines of base64, and in `\/`
_BREAK = re.compile(rb"(?:\\++[rn]|[\r\n])++|\\++/")
_BREAKS = b"\\\r\n"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_BETWEEN = b"\n\0\n"  # nothing that is searched for goes over this
_CHUNK = 16 * 1024  # characters at once: longer numbers do not fit into a processor's caches
_BASIC = b"asic "
_BASIC_VALUE = re.compile(rb"(?<=[Bb]asic )[A-Za-z0-9+/_\-]{8,4096}+={0,2}+")
_USER_PASSWORD = re.compile(rb"[^\s:\x00-\x1f\x7f-\xff]{0,256}:[\x20-\x7e]+")


def _bits(*classes: bytes) -> bytes:
    """A table for `translate`: the n-th bit of a character says whether it is in the n-th class."""
    return bytes(
        sum((byte in members) << n for n, members in enumerate(classes)) for byte in range(256)
    )


_IN_ALPHABET = _bits(_ALPHABET)
_NEEDLE = b"\1" * _SHORTEST


class _Coding(NamedTuple):
    """A way to write bytes as text: `text` matches what says ASCII, whose beginnings `bits` tell.

    It is `shortest` characters of `members` or more. `width` of them hold `size` bytes; a text may
    begin where each of `groups` characters has its bit, and `folds` (in characters) bring together
    as many such groups as `text` asks for.
    """

    text: re.Pattern[bytes]
    members: bytes
    shortest: int
    bits: bytes
    groups: int
    folds: tuple[int, ...]
    width: int
    size: int
    decode: Callable[[bytes], bytes]

    def beginnings(self, runs: bytes) -> bytes:
        """A byte for each character, 1 where a text may begin; empty when there are none."""
        number = int.from_bytes(runs.translate(self.bits), "little")
        found = number
        for n in range(1, self.groups):
            found &= number >> 9 * n
        for fold in self.folds:
            found &= found >> 8 * fold
        return found.to_bytes(len(runs), "little") if found else b""


def _unbase64(text: bytes) -> bytes:
    """What base64 of either alphabet says, without padding; a lone last character says nothing."""
    text = text.translate(_STANDARD)
    text = text[: len(text) - (len(text) % 4 == 1)]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


_GROUP = f"[{_FIRST.decode()}][{_SECOND.decode()}][{_THIRD.decode()}]"
_CODINGS = (
    _Coding(
        re.compile(
            rf"(?:{_GROUP}[A-Za-z0-9+/_\-]){{5,}}+"
            rf"(?:{_GROUP}|[{_FIRST.decode()}][{_SECOND.decode()}])?+".encode()
        ),
        _IN_ALPHABET,
        _SHORTEST,
        _bits(_FIRST, _SECOND, _THIRD),
        3,
        (4, 8, 4),
        4,
        3,
        _unbase64,
    ),
    _Coding(
        re.compile(rb"(?:[2-7][0-9A-Fa-f]|0[9aAdD]){16,}+"),
        _bits(_HEX),
        32,
        _bits(b"0234567", _HEX),
        2,
        (2, 4, 8, 16),
        2,
        1,
        binascii.unhexlify,
    ),
)


class _Piece(NamedTuple):
    """What `start:end` of the runs says."""

    start: int
    end: int
    text: bytes
    coding: _Coding


class _Runs:
    """Where so many characters of base64 stand together; `text` has all of them, parted by blanks.

    Breaks of lines are left out of it, and in place of pseudonyms are blanks.
    """

    def __init__(self, data: bytes, places: list[tuple[int, int]]) -> None:
        self._data = data
        self._places = places
        self._runs = [data[start:end] for start, end in places]
        self._starts: list[int] = []
        self.text = b" ".join(self._runs)
        if b"\\" in self.text or b"\n" in self.text or b"\r" in self.text:
            self._runs = [_DROPPED.sub(b"", run) for run in self._runs]
            self.text = b" ".join(self._runs)
        if b"SECRET-" in self.text:
            self.text = pseudonym.blanked(self.text)

    def place(self, start: int, end: int, *, whole: bool) -> tuple[int, int]:
        """Where `start:end` of the text is; with its padding when a text ends there."""
        if not self._starts:
            self._starts = [0, *accumulate(len(run) + 1 for run in self._runs)]
        at = bisect_right(self._starts, start) - 1
        first, last = start - self._starts[at], end - 1 - self._starts[at]
        begin, stop = self._places[at]
        left, right = begin + first, begin + last + 1
        if len(self._runs[at]) < stop - begin:  # something was left out
            moved = 0
            for gap in _DROPPED.finditer(self._data, begin, stop):
                here = gap.start() - begin - moved
                if here > last:
                    break
                moved += len(gap[0])
                left += len(gap[0]) if here <= first else 0
                right += len(gap[0])
        while whole and self._data[right : right + 1] == b"=":
            right += 1
        return left, right


def find(data: bytes, search: Search) -> list[Find]:
    """What `search` finds in the texts that `data` holds in base64 or hexadecimal."""
    finds = [*_basic(data)] if slices.find(data, _BASIC) >= 0 else []
    places = _runs(data)
    if not places:
        return finds
    runs = _Runs(data, places)
    pieces = [piece for coding in _CODINGS for piece in _pieces(runs.text, coding)]
    if not pieces:
        return finds
    starts = [0, *accumulate(len(piece.text) + len(_BETWEEN) for piece in pieces)]
    for one in search(_BETWEEN.join([piece.text for piece in pieces])):
        at = bisect_right(starts, one.start) - 1
        piece = pieces[at]
        width, size = piece.coding.width, piece.coding.size
        first, last = one.start - starts[at], min(one.end - starts[at], len(piece.text))
        start, end = runs.place(
            piece.start + first * width // size,
            min(piece.start - (-last * width // size), piece.end),
            whole=last == len(piece.text),
        )
        finds.append(one._replace(start=start, end=end))
    return finds


def _basic(data: bytes) -> Iterator[Find]:
    """Basic credentials (RFC 7617) anywhere: `Basic` and a user name and password in base64."""
    at = slices.find(data, _BASIC)
    while at >= 0:
        found = _BASIC_VALUE.match(data, at + len(_BASIC))
        if found and _USER_PASSWORD.fullmatch(_unbase64(found[0].rstrip(b"="))):
            yield Find(*found.span(), found[0])
        at = slices.find(data, _BASIC, at + 1)


def _runs(data: bytes) -> list[tuple[int, int]]:
    mask = slices.translate(data, _IN_ALPHABET)
    out: list[tuple[int, int]] = []
    size = len(data)
    at = slices.find(mask, _NEEDLE)
    while at >= 0:
        end = mask.find(b"\0", at)
        while 0 < end < size and data[end] in _BREAKS:
            gap = _BREAK.match(data, end)
            if gap is None or mask[gap.end() : gap.end() + 1] != b"\1":
                break
            end = mask.find(b"\0", gap.end())
        if end < 0:
            end = size
        out.append((at, end))
        at = slices.find(mask, _NEEDLE, end)
    return out


def _pieces(runs: bytes, coding: _Coding) -> Iterator[_Piece]:
    """The texts in runs."""
    if coding.shortest > _SHORTEST:
        members = slices.translate(runs, coding.members)
        if slices.find(members, b"\1" * coding.shortest) < 0:
            return
    done = 0
    for start in range(0, len(runs), _CHUNK):
        beginnings = coding.beginnings(runs[start : start + _CHUNK + coding.shortest])
        at = beginnings.find(b"\1", max(0, done - start))
        while at >= 0:
            found = coding.text.match(runs, start + at)
            if found is not None:
                yield _Piece(*found.span(), coding.decode(found[0]), coding)
            done = found.end() if found else start + at + 1
            at = beginnings.find(b"\1", done - start)
