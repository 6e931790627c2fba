"""Errors, in every place where HTTP APIs put them.

`find` looks into a body that is known to be an error's; `embedded` looks into a body that came with
a success status and only believes what cannot be anything else.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from proxy.core import loose
from proxy.core.calls import CallError
from proxy.core.model import End, Exchange

_MESSAGES = (
    "message",
    "Message",
    "error_message",
    "errorMessage",
    "error_description",
    "detail",
    "details",
    "title",
    "reason",
    "description",
    "msg",
    "status_message",
)
_TYPES = ("type", "__type", "status", "name", "error_type", "errorType", "reason")
_CODES = ("code", "error_code", "errorCode", "status_code", "statusCode")
# What may stand beside a bare `error` string in a body that is nothing but an error.
_COMPANIONS = frozenset(
    (
        *_MESSAGES,
        *_TYPES,
        *_CODES,
        *("error", "errors", "ok", "success", "status", "request_id", "requestId", "id"),
        *("timestamp", "path", "error_uri", "data", "result", "trace_id", "traceId", "url"),
        *("documentation_url", "warning", "needed", "provided", "response_metadata", "code"),
    )
)
_FAILED = frozenset(("error", "fail", "failed", "failure"))
_SERVER_ERROR = 599
_CLIENT_ERROR = 400
_SAID_MAX = 2000

STATUS_TYPES = {
    400: "bad_request",
    401: "unauthorized",
    402: "payment_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    410: "gone",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "unprocessable_entity",
    424: "failed_dependency",
    429: "too_many_requests",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
    529: "overloaded",
}


class Fault(NamedTuple):
    """What an error body says: its own words, where it has any."""

    type: str | None
    message: str | None
    code: str | None = None


def find(value: Any) -> Fault | None:
    """The fault that an error body names, or None if it is in no usual place."""
    if isinstance(value, list):  # Gemini wraps its error in a list of one
        return next((fault for item in value[:8] if (fault := find(item))), None)
    if isinstance(value, str):
        return Fault(None, value[:_SAID_MAX]) if value.strip() else None
    if not isinstance(value, dict):
        return None
    for key in ("error", "Error", "fault", "errors", "Errors"):
        if inner := value.get(key):
            fault = _inner(inner, value)
            if fault is not None:
                return fault
    return _flat(value)


def _inner(inner: Any, outer: Mapping[str, Any]) -> Fault | None:
    """`{"error": inner}`: an object, a word beside a message, or a list of either."""
    if isinstance(inner, dict):
        return _flat(inner) or Fault(None, _short(inner))
    if isinstance(inner, list):
        first = next((fault for item in inner[:8] if (fault := find(item))), None)
        if first is not None and len(inner) > 1 and first.message:
            return first._replace(message=f"{first.message} (and {len(inner) - 1} more)")
        return first
    if isinstance(inner, str):
        said = _said(outer, _MESSAGES)
        if said is None:
            # one word is a type, a sentence is a message
            return Fault(None if " " in inner else inner, inner, _code(outer))
        return Fault(inner if " " not in inner else None, said, _code(outer))
    return None


def _flat(value: Mapping[str, Any]) -> Fault | None:
    message = _said(value, _MESSAGES)
    nested = loose.obj(value.get("error"))
    if message is None and nested:
        return _flat(nested)
    kind = next((v for k in _TYPES if (v := loose.text(value.get(k))) and v != "error"), None)
    code = _code(value)
    if message is None and kind is None and code is None:
        return None
    return Fault(kind, message, code)


def _said(value: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        said = value.get(key)
        if isinstance(said, str) and said.strip():
            return said[:_SAID_MAX]
        if isinstance(said, list | dict) and said and key == "detail":
            return _details(said)
        if isinstance(said, list) and key == "message" and said:
            return _details(said)
    return None


def _details(value: Any) -> str:
    """The lists that FastAPI and NestJS give: `[{"loc": [...], "msg": ...}]`, `["...", "..."]`."""
    said = []
    for item in loose.array(value)[:8]:
        if isinstance(item, str):
            said.append(item)
        elif isinstance(item, dict) and (message := _said(item, _MESSAGES)):
            where = ".".join(str(part) for part in loose.array(item.get("loc"))[:16])
            said.append(f"{where}: {message}" if where else message)
    if not said and isinstance(value, dict):
        said = [message] if (message := _said(value, _MESSAGES)) else []
    return ("; ".join(said) or _short(value))[:_SAID_MAX]


def _code(value: Mapping[str, Any]) -> str | None:
    for key in _CODES:
        code = value.get(key)
        if isinstance(code, bool) or code is None or code == "":
            continue
        if isinstance(code, str | int):
            return str(code)[:200]
    return None


def _short(value: Any) -> str:
    return loose.dumps(value)[:500].decode("utf-8", "replace")


def embedded(value: Any) -> Fault | None:
    """The fault in a body that came with a success status, if it is unmistakable."""
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if isinstance(error, dict):
        return _flat(error)
    if isinstance(error, str) and error.strip() and value.keys() <= _COMPANIONS:
        return find(value)
    errors = value.get("errors")
    if isinstance(errors, list) and any(_error_item(item) for item in errors):
        return find({"errors": errors})
    return _failed(value)


def _error_item(item: Any) -> bool:
    return isinstance(item, dict) and any(isinstance(item.get(k), str) for k in _MESSAGES)


def _failed(value: Mapping[str, Any]) -> Fault | None:
    """A body that says outright that it is a failure, and why."""
    said_no = value.get("success") is False or value.get("ok") is False
    word = loose.text(value.get("status")) or loose.text(value.get("type")) or ""
    number = next(
        (n for k in ("statusCode", "status_code", "status", "code") if (n := _http(value.get(k)))),
        None,
    )
    if not (said_no or word.lower() in _FAILED or number):
        return None
    fault = find(value)
    if fault is None or fault.message is None:
        return Fault("failed", "the body says that it failed") if said_no else None
    return fault if fault.code or number is None else fault._replace(code=str(number))


def _http(value: Any) -> int | None:
    number = loose.count(value)
    return number if number is not None and _CLIENT_ERROR <= number <= _SERVER_ERROR else None


def status_error(status: int, body: bytes, value: Any) -> CallError | None:
    """The error that a status of 400 or more is; `value` is the parsed body, if it parses."""
    if status < _CLIENT_ERROR:
        return None
    kind = STATUS_TYPES.get(status) or ("server_error" if status >= 500 else "client_error")  # noqa: PLR2004
    fault = find(value)
    if fault is None:
        said = body[:400].decode("utf-8", "replace").strip()
        if said[:1] == "<":  # a page for people says nothing in its first bytes
            said = ""
        return CallError(kind, said or f"HTTP {status}", str(status))
    return CallError(
        fault.type or kind, fault.message or f"HTTP {status}", fault.code or str(status)
    )


_ENDS = {
    End.UPSTREAM_REFUSED: "the upstream could not be reached",
    End.UPSTREAM_TLS: "the TLS handshake with the upstream failed",
    End.CLIENT_TLS: "the client did not take the certificate",
    End.UPSTREAM_TIMEOUT: "the upstream did not answer in time",
    End.UPSTREAM_RESET: "the upstream reset the connection",
    End.UPSTREAM_TRUNCATED: "the upstream closed before its answer was whole",
    End.UPSTREAM_INVALID: "the upstream broke the protocol",
    End.CLIENT_GONE: "the client went away before the answer was whole",
    End.CLIENT_INVALID: "the request was malformed",
    End.REFUSED: "refused by a guard",
    End.MISSED: "no recorded call matches",
    End.INTERRUPTED: "recording ended before the answer was whole",
}


def transport_error(exchange: Exchange) -> CallError | None:
    """The error that the wire itself ended in, or None where it ended well."""
    said = _ENDS.get(exchange.end)
    if said is None:
        return None
    return CallError(exchange.end.value, exchange.error or said, where="transport")


def in_stream(fault: Fault, *, where: str = "stream") -> CallError:
    """An error that came inside an answer whose status line said success."""
    return CallError(
        fault.type or fault.code or "error",
        fault.message or fault.type or fault.code or "the answer is an error without a message",
        fault.code,
        where,
        embedded=True,
    )


def retyped(error: CallError | None, kind: str | None) -> CallError | None:
    """The same error under the provider's own name for it, if there is one."""
    return error if error is None or not kind else replace(error, type=kind)
