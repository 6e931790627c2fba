"""The differences between two JSON values, by JSON path, with excerpts short enough to read.

Lists are aligned, so that one message more does not make every later one differ. The cost is
bounded: beyond the bounds a difference is still told, but less finely.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, Final, NamedTuple

from proxy.core import canonical
from proxy.core.matching.trees import JSON_TEXT

MAX_CHANGES: Final = 200
EXCERPT: Final = 88  # characters of context and change together

_ALIGNED: Final = 2_000  # list items that are aligned
_SENTENCES: Final = 1_500  # of one text that are aligned
_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]*")
_SENTENCE: Final = re.compile(r"[^\n.!?]*(?:[.!?]+(?!\w)\s*|\n+|[.!?]+|$)")
_MISSING: Final = object()


class Change(NamedTuple):
    """One difference. `op` is changed | added | removed, seen from the recorded side.

    `path` is a JSON path. `recorded` and `live` are excerpts: for a changed text the words around
    the change, else the value as JSON.
    """

    path: str
    op: str
    recorded: str | None
    live: str | None


def changes(recorded: Any, live: Any, path: str = "$", limit: int = MAX_CHANGES) -> list[Change]:
    """The differences of two JSON values, in the order of the tree, at most `limit`."""
    return list(islice(_walk(recorded, live, path), limit))


def excerpt(value: Any, width: int = EXCERPT) -> str:
    """A value as one short line of JSON, cut in the middle."""
    text = canonical.dumps(value).decode("utf-8", "replace")
    if len(text) <= width:
        return text
    return f"{text[: width * 2 // 3]}…{text[-(width // 3 - 1) :]}"


def member(path: str, key: str) -> str:
    """The path of an object's member."""
    if _NAME.fullmatch(key):
        return f"{path}.{key}"
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"{path}['{quoted}']"


def _walk(old: Any, new: Any, path: str) -> Iterator[Change]:
    if type(old) is type(new):
        if old == new and canonical.canonical(old) == canonical.canonical(new):
            return  # both, because 1, 1.0 and true are equal to Python
        if type(old) is dict:
            yield from _objects(old, new, path)
            return
        if type(old) is list:
            yield from _lists(old, new, path)
            return
        if type(old) is str:
            yield from _texts(old, new, path)
            return
    yield Change(path, "changed", excerpt(old), excerpt(new))


def _objects(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Change]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, _MISSING), new.get(key, _MISSING)
        where = member(path, key)
        if before is _MISSING:
            yield Change(where, "added", None, excerpt(after))
        elif after is _MISSING:
            yield Change(where, "removed", excerpt(before), None)
        else:
            yield from _walk(before, after, where)


def _lists(old: list[Any], new: list[Any], path: str) -> Iterator[Change]:
    for op, i1, i2, j1, j2 in _aligned(old, new):
        if op == "equal":
            continue
        # Paths count from the recorded side, but for what is only in the live one.
        pairs = min(i2 - i1, j2 - j1)
        for i, j in zip(range(i1, i1 + pairs), range(j1, j1 + pairs), strict=True):
            yield from _walk(old[i], new[j], f"{path}[{i}]")
        for i in range(i1 + pairs, i2):
            yield Change(f"{path}[{i}]", "removed", excerpt(old[i]), None)
        for j in range(j1 + pairs, j2):
            yield Change(f"{path}[{j}]", "added", None, excerpt(new[j]))


def _aligned(old: list[Any], new: list[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    if max(len(old), len(new)) > _ALIGNED:
        return [("replace", 0, len(old), 0, len(new))]
    keys: dict[bytes, int] = {}
    left, right = (
        [keys.setdefault(canonical.canonical(item), len(keys)) for item in items]
        for items in (old, new)
    )
    return SequenceMatcher(None, left, right, autojunk=False).get_opcodes()


def _texts(old: str, new: str, path: str) -> Iterator[Change]:
    if old.startswith(JSON_TEXT) and new.startswith(JSON_TEXT):
        before, after = (canonical.loads(text.removeprefix(JSON_TEXT)) for text in (old, new))
        yield from _walk(before, after, path)
        return
    yield from (Change(path, "changed", a, b) for a, b in text_changes(old, new))


def text_changes(old: str, new: str, width: int = EXCERPT) -> Iterator[tuple[str, str]]:
    """Pairs of quoted excerpts, one for each stretch in which two texts differ.

    Sentences and lines are aligned, then the words that a stretch begins and ends with in both are
    left out but for some context.
    """
    start = common(old, new)
    end = common_end(old[start:], new[start:])
    while start and not old[start - 1].isspace():
        start -= 1
    left = _pieces(old, start, len(old) - end)
    right = _pieces(new, start, len(new) - end)
    if max(len(left), len(right)) > _SENTENCES:
        yield _stretch(old, (start, len(old) - end), new, (start, len(new) - end), width)
        return
    texts = [old[i:j] for i, j in left], [new[i:j] for i, j in right]
    for op, i1, i2, j1, j2 in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if op != "equal":
            yield _stretch(old, _span(left, i1, i2), new, _span(right, j1, j2), width)


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans of the sentences and lines between two places."""
    found = [match.span() for match in _SENTENCE.finditer(text, start, end) if match[0]]
    return found or [(start, end)]


def _span(pieces: list[tuple[int, int]], first: int, after: int) -> tuple[int, int]:
    if first < after:
        return pieces[first][0], pieces[after - 1][1]
    at = pieces[first][0] if first < len(pieces) else pieces[-1][1]
    return at, at


def _stretch(
    old: str, a: tuple[int, int], new: str, b: tuple[int, int], width: int
) -> tuple[str, str]:
    """The excerpts of one stretch, made as small as whole words allow."""
    x, y = old[slice(*a)], new[slice(*b)]
    start = common(x, y)
    end = common_end(x[start:], y[start:])
    while start and not x[start - 1].isspace():
        start -= 1
    while end and not x[len(x) - end].isspace():
        end -= 1
    return (
        _around(old, a[0] + start, a[1] - end, width),
        _around(new, b[0] + start, b[1] - end, width),
    )


def common[T: (str, bytes)](old: T, new: T) -> int:
    """The length of the common beginning, by halving: no step looks at characters one by one."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_end[T: (str, bytes)](old: T, new: T) -> int:
    """The length of the common end, likewise."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _around(text: str, start: int, end: int, width: int) -> str:
    """`text[start:end]` with some context, quoted; what is too long is cut in its middle."""
    room = max(10, (width - (end - start)) // 2)
    first, last = max(0, start - room), min(len(text), end + room)
    shown = text[first:last]
    if len(shown) > width:
        half = width // 2
        shown = f"{shown[:half]}…{shown[-half:]}"
    shown = " ".join(shown.split())
    return f'"{"…" if first else ""}{shown}{"…" if last < len(text) else ""}"'
