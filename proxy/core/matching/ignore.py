"""Ignore rules: the parts of a request that a user said do not count.

JSON paths have `.name`, `['name']`, `[3]`, `[*]`, `.*` and `..name`; they also lead into strings
that are JSON themselves (tool arguments). What a path names is taken out before anything else.
"""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

import orjson

from proxy.core import canonical
from proxy.core.matching._api import IgnoreRule
from proxy.errors import ConfigError

TARGETS: Final = ("json", "header", "query", "regex")
MAX_PATTERN: Final = 2000

_STEP: Final = re.compile(
    r"\.\.(?P<deep>[^.\[\]]+)|\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|\[(?P<every>\*)\]"
    r"|\[(?P<quote>['\"])(?P<quoted>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\]"
)
_GONE: Final = (
    object()
)  # marks a list item that is taken out; the others keep their places till the end

type Steps = tuple[tuple[str, str | int], ...]


@lru_cache(maxsize=1024)
def path_steps(path: str) -> Steps:
    """The steps of a JSON path: `("name", key)`, `("index", n)`, `("every", "*")`, `("deep", key)`.

    Raises:
        ConfigError: it is no path that is understood here.
    """
    if not path.startswith("$"):
        raise ConfigError(f"not a JSON path: {path!r}", hint="It starts with $, as in $.user.id")
    steps: list[tuple[str, str | int]] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ConfigError(f"not a JSON path: {path!r}", hint=f"Unclear from {path[at:]!r} on.")
        if match["index"]:
            steps.append(("index", int(match["index"])))
        elif match["every"] or match["name"] == "*":
            steps.append(("every", "*"))
        elif match["deep"]:
            steps.append(("deep", match["deep"]))
        else:
            quoted = match["quoted"]
            name = match["name"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            steps.append(("name", name))
        at = match.end()
    return tuple(steps)


@lru_cache(maxsize=1024)
def regex(pattern: str) -> re.Pattern[str]:
    """The compiled pattern of a `regex` rule; ConfigError if it is none."""
    try:
        return re.compile(pattern)
    except re.error as why:
        raise ConfigError(f"not a regular expression: {pattern!r}", hint=f"{why}") from None


def check(rules: Iterable[IgnoreRule]) -> tuple[IgnoreRule, ...]:
    """The rules, all of them usable; ConfigError names the first that is not."""
    checked = tuple(rules)
    for rule in checked:
        if rule.target not in TARGETS:
            hint = f"It is one of {', '.join(TARGETS)}."
            raise ConfigError(f"unknown target of an ignore rule: {rule.target!r}", hint=hint)
        if len(rule.pattern) > MAX_PATTERN:
            raise ConfigError(f"ignore rule longer than {MAX_PATTERN} characters")
        if rule.target == "json":
            path_steps(rule.pattern)
        elif rule.target == "regex":
            regex(rule.pattern)
    return checked


def patterns(rules: Iterable[IgnoreRule], target: str, step: str) -> tuple[str, ...]:
    """The patterns of the rules of one target that hold for a step."""
    return tuple(
        rule.pattern
        for rule in rules
        if rule.target == target and (rule.step == "*" or fnmatchcase(step, rule.step))
    )


def without(tree: Any, paths: Iterable[str]) -> Any:
    """The JSON value without what the paths name; None if that is all of it. Changes `tree`."""
    for path in paths:
        tree = _without(tree, path_steps(path))
    return _sweep(tree)


def _without(tree: Any, steps: Steps) -> Any:
    if not steps:
        return _GONE
    if type(tree) is str:
        return _inside(tree, steps)
    (kind, name), rest = steps[0], steps[1:]
    for key in list(_children(tree)) if kind == "deep" else ():
        tree[key] = _without(tree[key], steps)
    for key in list(_named(tree, kind, name)):
        if (left := _without(tree[key], rest)) is _GONE and type(tree) is dict:
            del tree[key]
        else:
            tree[key] = left
    return tree


def _children(tree: Any) -> Iterable[Any]:
    if type(tree) is dict:
        return tree
    return range(len(tree)) if type(tree) is list else ()


def _named(tree: Any, kind: str, name: str | int) -> Iterator[Any]:
    """The keys or indexes of `tree` that a step leads to."""
    if kind == "every":
        yield from _children(tree)
    elif kind == "index":
        if type(tree) is list and int(name) < len(tree):
            yield name
    elif type(tree) is dict and name in tree:
        yield name


def _inside(text: str, steps: Steps) -> str:
    """A string that is JSON itself, without what the steps name in it."""
    if not (text[:1] in ("{", "[") and text[-1:] in ("}", "]")):
        return text
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return canonical.dumps(_sweep(_without(tree, steps))).decode("utf-8", "surrogatepass")


def _sweep(tree: Any) -> Any:
    """Without the list items that were marked as gone."""
    if tree is _GONE:
        return None
    if type(tree) is dict:
        return {key: _sweep(value) for key, value in tree.items()}
    if type(tree) is list:
        return [_sweep(value) for value in tree if value is not _GONE]
    return tree
