"""Tools that a run used: those the model asked for, and those that were called on the wire."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, override

from proxy.core.checks._api import Trial
from proxy.core.replay.live import fits, names
from proxy.errors import ConfigError


class Use(NamedTuple):
    """One use of a tool; it goes by any of its names."""

    names: tuple[str, ...]
    arguments: Any


class Wanted(NamedTuple):
    """A tool by a glob of its name, with arguments that must be among the use's."""

    tool: str
    arguments: Mapping[str, Any]
    times: int | None = None

    @override
    def __str__(self) -> str:
        return f"{self.tool} with {dict(self.arguments)}" if self.arguments else self.tool


def uses(trial: Trial) -> Iterator[Use]:
    """Every use of a tool, in order."""
    for event in trial.calls:
        call = event.data.get("call") or {}
        for asked in call.get("toolUses") or ():
            yield Use((asked["name"],), asked.get("arguments"))
        if event.kind != "llm_call":
            arguments = (call.get("retrieval") or {}) if event.kind == "retrieval" else None
            yield Use(tuple(names(event.name)), call.get("input") or arguments)


def read(check: str, wanted: Any) -> list[Wanted]:
    """`"name"`, `{"tool": …, "arguments": {…}, "times": N}`, or a list of such."""
    return [_read(check, one) for one in (wanted if isinstance(wanted, list) else [wanted])]


def _read(check: str, wanted: Any) -> Wanted:
    found = {"tool": wanted} if isinstance(wanted, str) else wanted
    if isinstance(found, dict) and found.keys() <= {"tool", "arguments", "times"}:
        tool, arguments, times = found.get("tool"), found.get("arguments", {}), found.get("times")
        told = isinstance(tool, str) and tool and isinstance(arguments, dict)
        if told and (times is None or isinstance(times, int)):
            return Wanted(str(tool), arguments, times)
    raise ConfigError(
        f"{check} does not understand {wanted!r}",
        hint='write a tool\'s name, or {"tool": NAME, "arguments": {…}, "times": N}',
    )


def among(wanted: Wanted, found: Sequence[Use]) -> list[Use]:
    """The uses that are the wanted one."""
    return [
        use
        for use in found
        if fits(use.names, [wanted.tool]) and _holds(use.arguments, wanted.arguments)
    ]


def same_tool(wanted: Wanted, found: Sequence[Use]) -> list[Use]:
    """The uses of the tool with whatever arguments."""
    return among(wanted._replace(arguments={}), found)


def _holds(value: Any, part: Any) -> bool:
    """Whether `part` is in `value`: objects may have more members, all else is equal."""
    if isinstance(part, dict):
        if not part:
            return True
        return isinstance(value, dict) and all(
            key in value and _holds(value[key], wanted) for key, wanted in part.items()
        )
    return type(value) is type(part) and bool(value == part)
