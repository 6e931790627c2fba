"""Near misses: the recorded calls closest to a request that none matched, and what differs."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Any, Final

from proxy.core.diff import Change, changes, common, common_end
from proxy.core.matching import IgnoreRule, MatchRequest, normalised
from proxy.core.replay.fixtures import Fixture, Fixtures

MOST: Final = 3
_CONSIDERED: Final = 500  # candidates whose bodies are looked at, of those closest in size
_LOADED: Final = 200  # where they have to be loaded first
_COMPARED: Final = 8  # candidates that are compared in full
_GLOB: Final = re.compile(r"[*?\[\]]")
_PLAIN: Final = ("method", "host", "path")


@dataclass(slots=True, frozen=True)
class Difference:
    """A change, and the rule under which it would not count; None when no rule can say so."""

    change: Change
    rule: IgnoreRule | None


@dataclass(slots=True, frozen=True)
class NearMiss:
    """A recorded call close to a request. `likeness` is 0 to 1; `served` if it was used already.

    `suffices` says whether the rules of all differences together would make it match.
    """

    fixture: Fixture
    likeness: float
    served: bool
    differences: tuple[Difference, ...]
    suffices: bool


def nearest(
    fixtures: Fixtures, request: MatchRequest, served: Container[int], last: int = 0
) -> tuple[NearMiss, ...]:
    """The closest recorded calls, nearest first, at most three.

    Among equals those not served yet come first. Where there are too many to look at, those
    recorded close to `last`, the position served last, are.
    """
    live = normalised.view(request).tree
    leaves = Counter(_leaves(live))
    scored = []
    for fixture in _candidates(fixtures, request, last):
        tree = normalised.view(fixture.request()).tree
        likeness = _likeness(leaves, Counter(_leaves(tree)))
        scored.append((-likeness, fixture.position in served, fixture.position, tree))
    scored.sort(key=lambda one: one[:3])
    return tuple(
        _near(
            fixtures.all[position],
            tree,
            request=request,
            live=live,
            likeness=-score,
            served=used,
        )
        for score, used, position, tree in scored[:MOST]
    )


def _candidates(fixtures: Fixtures, request: MatchRequest, last: int) -> list[Fixture]:
    """Of the same place, else step, else host, else all: those that begin and end alike."""
    head = request.head
    found: Sequence[Fixture] = [fixtures.all[at] for at in fixtures.at_place(request)]
    found = found or [fixtures.all[at] for at in fixtures.of_step(request.step)]
    found = found or [one for one in fixtures.all if one.head.host == head.host]
    found = found or fixtures.all
    size = len(request.body)
    most = _LOADED if fixtures.loads else _CONSIDERED
    sized = nsmallest(most, found, key=lambda one: (abs(one.size - size), abs(one.position - last)))
    if len(sized) <= _COMPARED:
        return sized
    alike = [(-_ends_alike(one.request().body, request.body), one.position, one) for one in sized]
    return [one for *_, one in sorted(alike, key=lambda row: row[:2])[:_COMPARED]]


def _ends_alike(one: bytes, other: bytes) -> int:
    """How many bytes two bodies have in common at their beginning and at their end."""
    start = common(one, other)
    return start + common_end(one[start:], other[start:])


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with the name of its field; long texts sentence by sentence."""
    if type(tree) is dict:
        for key, value in tree.items():
            yield from _leaves(value, key)
    elif type(tree) is list:
        for value in tree:
            yield from _leaves(value, name)
    elif type(tree) is str and " " in tree:
        for sentence in tree.split(". "):
            yield name, sentence
    else:
        yield name, (type(tree), tree)


def _likeness(one: Counter[Any], other: Counter[Any]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def _near(
    fixture: Fixture,
    recorded: dict[str, Any],
    *,
    request: MatchRequest,
    live: dict[str, Any],
    likeness: float,
    served: bool,
) -> NearMiss:
    step = "*" if _GLOB.search(request.step) else request.step
    found = tuple(_differences(recorded, live, step))
    rules = tuple(one.rule for one in found if one.rule is not None)
    suffices = len(rules) == len(found) > 0 and _would_match(fixture, request, rules)
    return NearMiss(fixture, likeness, served, found, suffices)


def _differences(old: dict[str, Any], new: dict[str, Any], step: str) -> Iterator[Difference]:
    for name in _PLAIN:
        if old[name] != new[name]:
            yield Difference(Change(name, "changed", old[name], new[name]), None)
    for change in changes(_by_name(old["query"]), _by_name(new["query"]), "query"):
        yield Difference(change, _named("query", change, step))
    for change in changes(old["headers"], new["headers"], "header"):
        yield Difference(change, _named("header", change, step))
    yield from _body_differences(old["body"], new["body"], step)


def _by_name(pairs: list[list[str]]) -> dict[str, Any]:
    """Pairs as an object; a name that occurs more than once has a list."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            before = found[name]
            found[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[name] = value
    return found


def _named(target: str, change: Change, step: str) -> IgnoreRule | None:
    name = re.match(r"\w+(?:\.([\w$-]+)|\['((?:[^'\\]|\\.)*)'\])", change.path)
    if name is None:
        return None
    return IgnoreRule(target, name[1] or re.sub(r"\\(.)", r"\1", name[2]), step)


def _body_differences(old: Any, new: Any, step: str) -> Iterator[Difference]:
    kinds = [next(iter(body)) if body else "nothing" for body in (old, new)]
    if kinds[0] != kinds[1]:
        yield Difference(Change("body", "changed", kinds[0], kinds[1]), None)
    elif kinds[0] == "json":
        for change in changes(old["json"], new["json"], "$"):
            yield Difference(change, _json_rule(change, step))
    elif kinds[0] == "form":
        for change in changes(_by_name(old["form"]), _by_name(new["form"]), "form"):
            yield Difference(change, _named("query", change, step))
    elif kinds[0] != "nothing":
        for change in changes(old[kinds[0]], new[kinds[0]], "body"):
            yield Difference(change, None)


def _json_rule(change: Change, step: str) -> IgnoreRule | None:
    """One by path; not for an item more or less, since that moves the others."""
    moves = change.op != "changed" and change.path.endswith("]") and change.path[-2].isdigit()
    return None if moves or change.path == "$" else IgnoreRule("json", change.path, step)


def _would_match(fixture: Fixture, request: MatchRequest, rules: tuple[IgnoreRule, ...]) -> bool:
    recorded = replace(fixture.request(), step=request.step)
    one, other = (
        normalised.key(replace(side, ignore=side.ignore + rules)) for side in (recorded, request)
    )
    return one.id == other.id
