"""What recorded calls of tools show of their payloads, by tool."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.core import loose
from proxy.core.calls import Call
from proxy.core.model import Exchange
from proxy.core.schemas import checking
from proxy.core.schemas.comparing import Drift, compare
from proxy.core.schemas.inferring import infer

_MCP: Final = "mcp:"
_SAFE: Final = re.compile(r"[^A-Za-z0-9._]+")
_BODILESS: Final = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))
_ERROR: Final = 400
_SIDES: Final = ("request", "response")


@dataclass(slots=True)
class Seen:
    """The payloads of one tool's calls that went well. `tool` or `match` says which tool it is."""

    step: str
    tool: str | None = None
    match: str | None = None
    calls: int = 0
    requests: list[Any] = field(default_factory=list)
    responses: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        """A name that can be a file's."""
        method, _, rest = self.step.rpartition(" ")
        bare = _SAFE.sub("-", f"{rest} {method}".lower() if method else rest).strip("-.")
        return bare[:120] or "tool"

    def document(self) -> dict[str, Any]:
        """The first schema, as a file declares it."""
        where = {"tool": self.tool} if self.match is None else {"match": self.match}
        made: dict[str, Any] = {**where, "mode": "observe"}
        if self.requests:
            made["request"] = infer(self.requests)
        if self.responses:
            made["response"] = infer(self.responses)
        return {**made, "observed": {"calls": self.calls}}

    def sides(self) -> Iterator[tuple[str, list[Any]]]:
        """The payloads by side."""
        yield from zip(_SIDES, (self.requests, self.responses), strict=True)


def gather(
    observed: Iterable[tuple[Exchange, Call, bytes, bytes]],
) -> dict[str, Seen]:
    """The tools by step, in the order of their first calls.

    Args:
        observed: Exchanges with their calls and bodies without Content-Encoding.
    """
    found: dict[str, Seen] = {}
    for exchange, call, request, response in observed:
        if not _went_well(exchange, call):
            continue
        step = exchange.own.step or call.step
        seen = found.setdefault(step, _new(exchange, call, step))
        seen.calls += 1
        if call.step.startswith(_MCP):
            _add_tool(seen, call)
        else:
            _add_http(seen, exchange, request, response)
    return found


def drift(before: Mapping[str, Seen], now: Mapping[str, Seen]) -> Iterator[tuple[str, str, Drift]]:
    """The differences of tools that were called both times: step, side, difference."""
    for step, old in before.items():
        new = now.get(step)
        if new is None:
            continue
        for (side, had), (_, has) in zip(old.sides(), new.sides(), strict=True):
            if had and has:
                for one in compare(infer(had), infer(has)):
                    yield step, side, one


def additions(schema: Mapping[str, Any], payloads: Sequence[Any]) -> list[Drift]:
    """Fields that a declared schema does not know, where it says which there are."""
    if not schema.get("properties") and not schema.get("items"):
        return []
    return [one for one in compare(schema, infer(payloads)) if one.change == "added"]


def _went_well(exchange: Exchange, call: Call) -> bool:
    status = exchange.response.status if exchange.response else _ERROR
    plain = call.kind == "tool_call" and call.error is None
    return plain and exchange.ok and status < _ERROR


def _new(exchange: Exchange, call: Call, step: str) -> Seen:
    if exchange.own.step is not None or call.step.startswith(_MCP):
        return Seen(step, tool=step)
    return Seen(step, match=step)


def _add_tool(seen: Seen, call: Call) -> None:
    if call.input is not None:
        seen.requests.append(call.input)
    told = loose.obj(call.output)
    if "structuredContent" in told:
        seen.responses.append(told["structuredContent"])


def _add_http(seen: Seen, exchange: Exchange, request: bytes, response: bytes) -> None:
    head = exchange.request
    if request:
        sent = checking.value(head.headers, request)
        if sent.fault is None:
            seen.requests.append(sent.value)
    elif head.method in _BODILESS and head.query:
        seen.requests.append(checking.pairs(head.query))
    if exchange.response is not None and response:
        got = checking.value(exchange.response.headers, response)
        if got.fault is None:
            seen.responses.append(got.value)
