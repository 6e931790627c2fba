"""A miss told to people, in a few lines, and to machines, as JSON."""

from collections.abc import Iterator
from typing import Any, Final

from proxy.core.matching import IgnoreRule
from proxy.core.replay.near import Difference, NearMiss
from proxy.core.replay.playback import UNLIKE, Miss

_SHOWN: Final = 3  # differences of the nearest call: the text stays within 15 lines
_LISTED: Final = 50  # differences in the JSON


def miss_body(miss: Miss) -> dict[str, Any]:
    """The miss as JSON: the request, why, and the nearest recorded calls with their differences."""
    return {
        "step": miss.step,
        "method": miss.head.method,
        "url": miss.head.url,
        "reason": miss.reason,
        "nearest": [_near_body(near) for near in miss.near],
    }


def _near_body(near: NearMiss) -> dict[str, Any]:
    fixture = near.fixture
    return {
        "runId": fixture.run_id,
        "seq": fixture.seq,
        "step": fixture.step,
        "method": fixture.head.method,
        "url": fixture.head.url,
        "served": near.served,
        "likeness": round(near.likeness, 4),
        "differences": [_difference_body(one) for one in near.differences[:_LISTED]],
        "moreDifferences": max(0, len(near.differences) - _LISTED),
        "rulesSuffice": near.suffices,
    }


def _difference_body(one: Difference) -> dict[str, Any]:
    return one.change._asdict() | {"ignore": rule_body(one.rule) if one.rule else None}


def rule_body(rule: IgnoreRule) -> dict[str, str]:
    """A rule as it is written in a recording and in the configuration."""
    written = {"target": rule.target, "pattern": rule.pattern}
    return written if rule.step == "*" else written | {"step": rule.step}


def miss_text(miss: Miss, width: int = 100) -> str:
    """The miss in at most 15 lines of at most `width` characters."""
    return "\n".join(_cut(line, width) for line in _lines(miss))


def _lines(miss: Miss) -> Iterator[str]:
    yield f"no recorded call for {miss.head.method} {miss.head.url} ({miss.step})"
    if miss.reason != UNLIKE:  # which the first line says already
        yield f"  {miss.reason}"
    if not miss.near:
        return
    first, *others = miss.near
    yield f"nearest: {_name(first)}"
    for one in first.differences[:_SHOWN]:
        yield f"  {_place(one.change.path)}"
        if one.change.recorded is not None:
            yield f"    - {one.change.recorded}"
        if one.change.live is not None:
            yield f"    + {one.change.live}"
    if (more := len(first.differences) - _SHOWN) > 0:
        yield f"  and {more} more"
    rules = [one.rule for one in first.differences if one.rule]
    if first.suffices and len(rules) <= _SHOWN:
        told = ", ".join(f"{rule.target} {rule.pattern}" for rule in rules)
        yield f"it would match with: ignore {told}"
    if others:
        yield "also near: " + "; ".join(map(_name, others))


def _name(near: NearMiss) -> str:
    count = len(near.differences)
    found = "no difference" if not count else f"{count} difference{'s' if count > 1 else ''}"
    used = ", already served" if near.served else ""
    return f"call {near.fixture.seq} of {near.fixture.run_id} ({found}{used})"


def _place(path: str) -> str:
    return path.removeprefix("$.") if path.startswith("$.") else path


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
