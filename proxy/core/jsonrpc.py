"""JSON-RPC 2.0 messages as MCP sends them: what each one is, and the errors by name.

The codes below -32000 that are MCP's own: modelcontextprotocol.io, revision 2026-07-28.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from proxy.core import loose
from proxy.core.calls import CallError

type Kind = Literal["request", "notification", "response"]
type Message = Mapping[str, Any]

ERRORS = {
    -32700: "parse_error",
    -32600: "invalid_request",
    -32601: "method_not_found",
    -32602: "invalid_params",
    -32603: "internal_error",
    -32000: "connection_closed",
    -32001: "request_timeout",
    -32002: "resource_not_found",
    -32020: "header_mismatch",
    -32021: "missing_client_capability",
    -32022: "unsupported_protocol_version",
    -32042: "url_elicitation_required",
}
_SAID_MAX = 2000


def messages(value: Any) -> list[Message]:
    """The messages in a JSON value: itself, or the items of a batch; what is none is left out."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict) and kind(item) is not None]


def kind(message: Message) -> Kind | None:
    """What a message is; None when it is no JSON-RPC message."""
    if isinstance(message.get("method"), str):
        return "notification" if message.get("id") is None else "request"
    answers = "jsonrpc" in message and ("result" in message or "error" in message)
    return "response" if answers else None


def of_kind(found: Sequence[Message], wanted: Kind) -> list[Message]:
    """The messages of one kind, in order."""
    return [message for message in found if kind(message) == wanted]


def method(message: Message) -> str:
    """A request's method; empty for a response."""
    return loose.text(message.get("method")) or ""


def params(message: Message) -> Mapping[str, Any]:
    """A request's parameters by name; MCP has no others."""
    return loose.obj(message.get("params"))


def meta(message: Message) -> Mapping[str, Any]:
    """`_meta` of a request's parameters, or of a response's result."""
    body = message.get("params") if "method" in message else message.get("result")
    return loose.obj(loose.obj(body).get("_meta"))


def key(message: Message) -> str:
    """The id of a request or response, as a text that tells 1 from "1"."""
    return loose.dumps(message.get("id")).decode()


def error(message: Message, *, embedded: bool = True) -> CallError | None:
    """The error that a response is, or None."""
    if "error" not in message:
        return None
    said = loose.obj(message["error"])
    number = said.get("code")
    code = number if isinstance(number, int) and not isinstance(number, bool) else None
    name = ERRORS.get(code, "jsonrpc_error") if code is not None else "jsonrpc_error"
    text = loose.text(said.get("message")) or loose.text(message["error"]) or name
    return CallError(
        name,
        text[:_SAID_MAX],
        None if code is None else str(code),
        where="jsonrpc",
        embedded=embedded,
    )
