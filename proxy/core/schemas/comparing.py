"""How what is seen now differs from what was seen, or declared, before: drift, by JSON path.

Both sides are schemas, of which the structure is compared: objects by their fields, arrays by
their items. A field that is gone beside a new one of nearly the same name was renamed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from proxy.core import diff, loose
from proxy.core.validators._drift import lookalike

_MAX_DEPTH: Final = 60
_NUMBERS: Final = frozenset(("integer", "number"))


class Drift(NamedTuple):
    """One difference.

    `change` is vanished | renamed | type | optional | added | values | format. `breaking` is false
    for what a reader of the old form can live with. `to` is a renamed field's new name.
    """

    path: str
    change: str
    message: str
    breaking: bool = True
    to: str | None = None


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Drift]:
    """The differences, in the order of the tree; what a reference refers to is not looked at."""
    return list(_compare(before, now, "$", 0))


def _compare(
    before: Mapping[str, Any], now: Mapping[str, Any], path: str, depth: int
) -> Iterator[Drift]:
    if depth > _MAX_DEPTH:
        return
    was, is_ = _types(before), _types(now)
    if was and is_:
        yield from _type_change(was, is_, path)
        if not was & is_ and not (was | is_) <= _NUMBERS:
            return
    if "properties" in before or "properties" in now:
        yield from _fields(before, now, path, depth)
    inner = loose.obj(before.get("items")), loose.obj(now.get("items"))
    if all(inner):
        yield from _compare(*inner, f"{path}[*]", depth + 1)
    maps = loose.obj(before.get("additionalProperties")), loose.obj(now.get("additionalProperties"))
    if all(maps):
        yield from _compare(*maps, f"{path}.*", depth + 1)
    yield from _texts(before, now, path)


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    kind = schema.get("type")
    return frozenset([kind] if isinstance(kind, str) else map(str, loose.array(kind)))


def _type_change(was: frozenset[str], is_: frozenset[str], path: str) -> Iterator[Drift]:
    allowed = was | _NUMBERS if "number" in was else was
    new = is_ - allowed
    if not new:
        return
    if new == {"null"} and is_ != {"null"}:
        yield Drift(path, "type", f"it may be null now; it was {_words(was)}")
        return
    # What was always empty tells nothing of what it would have been.
    breaking = was != {"null"}
    yield Drift(path, "type", f"it was {_words(was)}, and is {_words(is_)}", breaking)


def _words(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))


def _fields(
    before: Mapping[str, Any], now: Mapping[str, Any], path: str, depth: int
) -> Iterator[Drift]:
    old, new = loose.obj(before.get("properties")), loose.obj(now.get("properties"))
    always, still = _required(before), _required(now)
    strangers = [name for name in new if name not in old]
    taken: set[str] = set()
    for name, schema in old.items():
        where = diff.member(path, name)
        if name in new:
            if name in always and name not in still:
                yield Drift(where, "optional", "it was always there, and is missing sometimes now")
            yield from _compare(loose.obj(schema), loose.obj(new[name]), where, depth + 1)
            continue
        other = lookalike(name, [one for one in strangers if one not in taken])
        if other is not None:
            taken.add(other)
            yield Drift(where, "renamed", f"`{name}` is now `{other}`", to=other)
            yield from _compare(
                loose.obj(schema), loose.obj(new[other]), diff.member(path, other), depth + 1
            )
        elif name in always:
            yield Drift(where, "vanished", f"`{name}` was always there, and is gone")
        else:
            said = f"`{name}` was there sometimes, and was not seen"
            yield Drift(where, "vanished", said, breaking=False)
    for name in strangers:
        if name not in taken:
            yield Drift(diff.member(path, name), "added", f"`{name}` is new", breaking=False)


def _required(schema: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in loose.array(schema.get("required")) if isinstance(name, str))


def _texts(before: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[Drift]:
    old, new = before.get("enum"), now.get("enum")
    if isinstance(old, list) and isinstance(new, list):
        more = [one for one in new if one not in old]
        if more:
            said = ", ".join(diff.excerpt(one, 40) for one in more[:5])
            yield Drift(path, "values", f"it has values that it never had: {said}", breaking=False)
    was, is_ = before.get("format"), now.get("format")
    if isinstance(was, str) and was != is_ and "string" in _types(now):
        said = f"is {is_}" if isinstance(is_, str) else "is not always so"
        yield Drift(path, "format", f"its format was {was}, and {said} now", breaking=False)
