"""Ignore rules that would have made missed requests match, and what such a rule would confuse.

A rule is as narrow as it can be: a regular expression for the part of a text that changed, if that
looks like a number or an id; else the JSON path, the query's or the header's name. It holds for the
step of the request (a tool's, say); one that several steps of a host need holds for the host.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

from proxy.core.matching import IgnoreRule, MatchRequest, ignore, normalised
from proxy.core.replay.fixtures import Fixture, Fixtures
from proxy.core.replay.near import NearMiss
from proxy.core.replay.playback import Miss

_RULES: Final = 8  # rules for one miss: with more of them it is another request
_LOOKED_AT: Final = 500  # recorded calls in which a confusion is searched for
_BEFORE, _AFTER = 24, 8  # characters of a text that stand around what changed
_TOKEN: Final = re.compile(r"[\w-]+")
_KINDS: Final = (  # what both sides of a change must be, and what is ignored then
    (re.compile(r"\d+"), r"\d+"),
    (re.compile(r"(?=.*\d)[0-9a-fA-F]{6,}"), r"[0-9a-fA-F]+"),
    (re.compile(r"(?=.*\d)[\w-]+"), r"[\w-]+"),
)


@dataclass(slots=True, frozen=True)
class Suggestion:
    """Rules that would make a missed request match recorded call `seq`, and what else they do.

    `confuses` are pairs of recorded calls that differ now and would be one under these rules.
    """

    rules: tuple[IgnoreRule, ...]
    seq: int
    step: str
    misses: int
    confuses: tuple[tuple[int, int], ...]


def suggestions(fixtures: Fixtures, misses: Iterable[Miss]) -> list[Suggestion]:
    """What would have helped, in the order of the misses, each set of rules once."""
    found: dict[tuple[IgnoreRule, ...], Suggestion] = {}
    for miss in misses:
        near = miss.near[0] if miss.near else None
        if near is None or miss.request is None or near.served:
            continue
        rules = _rules(near, miss.request)
        if not rules:
            continue
        before = found.get(rules)
        if before is not None:
            found[rules] = replace(before, misses=before.misses + 1)
            continue
        confused = tuple(_confused(fixtures, rules))
        found[rules] = Suggestion(rules, near.fixture.seq, miss.step, 1, confused)
    return list(found.values())


def merged(rules: Iterable[IgnoreRule]) -> list[IgnoreRule]:
    """Each rule once; what two or more steps of a host need becomes a rule for the host."""
    steps: dict[tuple[str, str], list[str]] = defaultdict(list)
    for rule in rules:
        if rule.step not in steps[rule.target, rule.pattern]:
            steps[rule.target, rule.pattern].append(rule.step)
    made = []
    for (target, pattern), named in steps.items():
        hosts: dict[str | None, list[str]] = defaultdict(list)
        for step in named:
            hosts[_host(step)].append(step)
        for host, its in hosts.items():
            together = host is not None and len(its) > 1
            kept = [f"* {host}/*"] if together else its
            made += [IgnoreRule(target, pattern, step) for step in kept]
    return made


def _host(step: str) -> str | None:
    """The host in `GET api.example.com/customers/{id}`; None for other steps."""
    method, _, place = step.partition(" ")
    host = place.partition("/")[0]
    return host if method.isupper() and host and "/" in place and "*" not in host else None


def _rules(near: NearMiss, request: MatchRequest) -> tuple[IgnoreRule, ...]:
    """The narrowest rules that are enough; none if there are none."""
    if not near.differences or len(near.differences) > _RULES:
        return ()
    recorded = normalised.view(replace(near.fixture.request(), step=request.step)).tree
    live = normalised.view(request).tree
    step = "*" if re.search(r"[*?\[\]]", request.step) else request.step
    wide = [one.rule for one in near.differences]
    narrow = [
        _regex(_at(recorded, one.change.path), _at(live, one.change.path), step) or one.rule
        for one in near.differences
    ]
    for chosen in (narrow, wide):
        rules = tuple(dict.fromkeys(one for one in chosen if one is not None))
        if len([one for one in chosen if one is None]) == 0 and _match(
            near.fixture, request, rules
        ):
            return rules
    return ()


def _match(fixture: Fixture, request: MatchRequest, rules: tuple[IgnoreRule, ...]) -> bool:
    recorded = replace(fixture.request(), step=request.step)
    one, other = (
        normalised.key(replace(side, ignore=side.ignore + rules)) for side in (recorded, request)
    )
    return one.id == other.id


def _at(tree: dict[str, Any], path: str) -> Any:
    """What a JSON body has at a path; None elsewhere."""
    body = tree["body"]
    at = body.get("json") if isinstance(body, dict) else None
    if at is None or not path.startswith("$"):
        return None
    for kind, name in ignore.path_steps(path):
        if kind == "name" and isinstance(at, dict):
            at = at.get(str(name))
        elif kind == "index" and isinstance(at, list) and int(name) < len(at):
            at = at[int(name)]
        else:
            return None
    return at


def _regex(old: Any, new: Any, step: str) -> IgnoreRule | None:
    """For two texts that differ in one token, which is a number or an id: that, where it stands."""
    if not (isinstance(old, str) and isinstance(new, str)) or old == new:
        return None
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    apart = [at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other]
    if len(before) != len(after) or len(apart) != 1 or len(before) < 2:  # noqa: PLR2004 - a word beside it
        return None
    if _TOKEN.sub("", old) != _TOKEN.sub("", new):
        return None
    place = list(_TOKEN.finditer(old))[apart[0]]
    kind = next(
        (
            made
            for looks, made in _KINDS
            if all(looks.fullmatch(one[apart[0]]) for one in (before, after))
        ),
        None,
    )
    if kind is None:
        return None
    lead = _whole(old[max(0, place.start() - _BEFORE - 1) : place.start()][::-1], _BEFORE)[::-1]
    rest = _whole(old[place.end() : place.end() + _AFTER + 1], _AFTER)
    pattern = f"{re.escape(lead)}{kind}{re.escape(rest)}"
    return IgnoreRule("regex", pattern.replace(r"\ ", " "), step)


def _whole(text: str, most: int) -> str:
    """The beginning of a text, without a word that would be cut."""
    return text if len(text) <= most else re.sub(r"[\w-]+$", "", text[:most]) or text[:most]


def _confused(fixtures: Fixtures, rules: tuple[IgnoreRule, ...]) -> Iterator[tuple[int, int]]:
    """Pairs of recorded calls that differ, and would not under these rules."""
    now: dict[Any, list[tuple[Any, int]]] = defaultdict(list)
    for fixture in _touched(fixtures.all, rules):
        request = replace(fixture.request(), step=fixture.step)
        with_rules = replace(request, ignore=request.ignore + rules)
        now[normalised.key(with_rules).id].append((fixture.key().id, fixture.seq))
    for same in now.values():
        firsts = dict(reversed(same))
        if len(firsts) > 1:
            yield from list(combinations(sorted(firsts.values()), 2))[:_RULES]


def _touched(all_: Sequence[Fixture], rules: tuple[IgnoreRule, ...]) -> Iterator[Fixture]:
    looked_at = 0
    for fixture in all_:
        if any(ignore.patterns(rules, target, fixture.step) for target in ignore.TARGETS):
            yield fixture
            looked_at += 1
            if looked_at == _LOOKED_AT:
                return
