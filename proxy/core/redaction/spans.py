"""What was found in bytes, and putting something else in its place."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from proxy.core.model import Part


class Find(NamedTuple):
    """A secret in one piece: `data[start:end]`, without escapes it is `value`.

    `kind` is the format's word, empty where only the position gave it away. `bare` is a number of
    JSON, without quotes.
    """

    start: int
    end: int
    value: bytes
    kind: str = ""
    bare: bool = False


class Hit(NamedTuple):
    """A secret in one or more pieces of `data`, in order."""

    ranges: tuple[tuple[int, int], ...]
    value: bytes
    kind: str = ""
    bare: bool = False


class Edit(NamedTuple):
    """`data[start:end]` becomes `new`."""

    start: int
    end: int
    new: bytes


def whole(find: Find) -> Hit:
    """A find as a hit."""
    return Hit(((find.start, find.end),), find.value, find.kind, find.bare)


class Removal(NamedTuple):
    """What overlapping hits come to: the pieces to take away, and the hit that speaks for them."""

    ranges: list[tuple[int, int]]
    owner: Hit


def outermost(finds: Iterable[Find]) -> list[Find]:
    """The finds that are not part of another one, by position."""
    out: list[Find] = []
    reach = -1
    for find in sorted(finds, key=lambda find: (find.start, -find.end, not find.kind)):
        if find.end > reach:
            out.append(find)
            reach = find.end
    return out


def removals(hits: Iterable[Hit]) -> list[Removal]:
    """One removal for all hits that overlap; the hit with the longest value speaks."""
    return [Removal(ranges, owner) for ranges, owner in _clusters([*{*hits}])]


def plan(removals: Iterable[Removal], replacement: Callable[[Hit], bytes]) -> list[Edit]:
    """The edits that make the removals, sorted.

    The replacement stands where the first piece begins; the other pieces become empty.
    """
    edits: list[Edit] = []
    for removal in removals:
        for at, (start, end) in enumerate(removal.ranges):
            edits.append(Edit(start, end, b"" if at else replacement(removal.owner)))
    edits.sort()
    return edits


def _clusters(hits: list[Hit]) -> Iterable[tuple[list[tuple[int, int]], Hit]]:
    """Hits that overlap, as merged ranges and the hit that speaks for them."""
    parent = list(range(len(hits)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    pieces = sorted((start, end, at) for at, hit in enumerate(hits) for start, end in hit.ranges)
    reach, last = -1, -1
    for start, end, at in pieces:
        if start < reach:
            parent[root(at)] = root(last)
        if end > reach:
            reach, last = end, at
    members: dict[int, list[int]] = {}
    for at in range(len(hits)):
        members.setdefault(root(at), []).append(at)
    for group in members.values():
        owner = max((hits[at] for at in group), key=_weight)
        yield _merged(sorted(piece for at in group for piece in hits[at].ranges)), owner


def _weight(hit: Hit) -> tuple[int, bool, bytes]:
    return len(hit.value), hit.kind != "", hit.value


def _merged(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged = [pieces[0]]
    for start, end in pieces[1:]:
        if start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def apply(data: bytes, edits: Sequence[Edit]) -> bytes:
    """`data` with the edits made; everything outside them stays byte for byte."""
    out: list[bytes] = []
    at = 0
    for edit in edits:
        out += (data[at : edit.start], edit.new)
        at = edit.end
    out.append(data[at:])
    return b"".join(out)


def shift(parts: Sequence[Part], edits: Sequence[Edit]) -> tuple[Part, ...]:
    """The parts of the edited body: what replaces a secret belongs to the part where it began.

    A part of which nothing is left is left out, so that no replay sends an empty chunk.
    """
    if not edits:
        return tuple(parts)
    out: list[Part] = []
    old_end = new_end = moved = 0
    at = 0
    for part in parts:
        old_end += part.size
        while at < len(edits) and edits[at].start < old_end:
            moved += len(edits[at].new) - (edits[at].end - edits[at].start)
            at += 1
        # An edit that reaches beyond this part has its whole new text in it.
        over = max(0, edits[at - 1].end - old_end) if at else 0
        size = old_end + over + moved - new_end
        new_end += size
        if size or not part.size:
            out.append(Part(part.at_us, size))
    return tuple(out)


def scale(parts: Sequence[Part], old: int, new: int) -> tuple[Part, ...]:
    """Parts of a body that was encoded anew: the same moments, sizes in proportion."""
    if not parts or old <= 0:
        return (Part(parts[0].at_us, new),) if parts else ()
    out: list[Part] = []
    seen = done = 0
    for part in parts:
        seen += part.size
        size = new * seen // old - done
        done += size
        if size or not part.size:
            out.append(Part(part.at_us, size))
    return tuple(out)


def portion(edits: Sequence[Edit], start: int, end: int) -> list[Edit]:
    """The edits within `data[start:end]`, as edits of that piece.

    What replaces a secret that reaches beyond the piece belongs to the piece where it begins.
    """
    out: list[Edit] = []
    first = bisect_right(edits, start, key=lambda edit: edit.end)
    for edit in edits[first:]:
        if edit.start >= end:
            break
        new = edit.new if edit.start >= start else b""
        out.append(Edit(max(edit.start, start) - start, min(edit.end, end) - start, new))
    return out
