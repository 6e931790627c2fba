"""Plain HTTP: a tool's API where it looks like one, anything else otherwise. The last in the table.

A tool call's input is the JSON or form body, else the query; its output the parsed answer. A search
that is answered with scored documents is a retrieval. Beside a body the query is kept under
`settings["query"]`, ids in the path under `settings["path_ids"]`.
"""

from dataclasses import replace
from typing import Any, NamedTuple, override
from urllib.parse import parse_qs

from proxy.core import faults, heads, loose, searching, steps
from proxy.core.calls import Call
from proxy.core.dialect import Answer, Asked, Dialect
from proxy.core.model import Exchange, RequestHead

_TEXT_MAX = 64 * 1024
_NO_ACTION = frozenset(("GET", "HEAD", "OPTIONS", "CONNECT", "TRACE"))
_KEYS = (b"authorization", b"x-api-key", b"api-key", b"x-auth-token", b"apikey")
# Who fetches packages and sources; what they fetch is no tool's answer though it may be JSON.
_FETCHERS = ("pip/", "uv/", "poetry/", "npm/", "pnpm/", "yarn/", "bun/", "cargo", "git/", "apt")
_FETCHED = ("vnd.pypi.", "vnd.npm.", "x-git-", "vnd.docker.", "vnd.oci.")
_FORM = "application/x-www-form-urlencoded"


class PlainHTTP(Dialect):
    """Whatever no other wire format recognises."""

    name = "http"
    vendor = ""

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        return True

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        return steps.step(head)

    @override
    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        head = exchange.request
        sent, answer = _sent(head, request), self.read(exchange, response)
        asked = Asked(input=sent.input, settings=sent.settings)
        call = self.call(exchange, request, asked, answer)
        kind = "tool_call" if _is_tool(exchange, response, sent, answer) else "http"
        call = replace(call, kind=kind, provider=None)
        if kind != "tool_call":
            return replace(call, input=None, output=None)
        search = searching.in_general(head.path, call.input, call.output)
        return call if search is None else replace(call, kind="retrieval", retrieval=search)

    @override
    def read(self, exchange: Exchange, response: bytes) -> Answer:
        transport = faults.transport_error(exchange)
        head = exchange.response
        if head is None:
            return super().read(exchange, response)
        answer = Answer(complete=transport is None)
        media = heads.media_type(head.headers)
        parsed = loose.Parsed(None)
        if response and _may_be_json(media, response):
            parsed = loose.parse(response)
            answer.output = parsed.value
            if parsed.note is not None and heads.is_json(media):
                answer.notes.append(f"response body: {parsed.note}")
                answer.complete = answer.complete and parsed.value is not None
        elif response and media.startswith("text/") and media != "text/html":
            answer.output = response[:_TEXT_MAX].decode("utf-8", "replace")
            if len(response) > _TEXT_MAX:
                answer.notes.append(f"the text is {len(response)} bytes; its first part is kept")
        answer.streamed = media in ("text/event-stream", "application/x-ndjson")
        answer.error = faults.status_error(head.status, response, parsed.value)
        if answer.error is None and (fault := self.fault(parsed.value)) is not None:
            answer.error = faults.in_stream(fault, where="body")
        answer.error = answer.error or transport
        return answer

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        return loose.dumps({"error": {"type": type_, "message": message, "status": status}})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return b""  # nothing can be said in-band in a body of unknown form


class _Sent(NamedTuple):
    """What a request carries, and whether it is JSON."""

    input: Any
    settings: dict[str, Any]
    json: bool


def _sent(head: RequestHead, request: bytes) -> _Sent:
    media = heads.media_type(head.headers)
    query = _pairs(head.query)
    body = None
    if request and _may_be_json(media, request):
        body = loose.parse(request).value
    is_json = heads.is_json(media) or body is not None
    if body is None and media == _FORM:
        body = _pairs(request[:_TEXT_MAX].decode("utf-8", "replace"))
    settings: dict[str, Any] = {}
    if body is not None and query:
        settings["query"] = query
    if ids := steps.path_ids(head.path):
        settings["path_ids"] = ids
    return _Sent(query or None if body is None else body, settings, is_json)


def _pairs(query: str) -> dict[str, Any]:
    """A query or form as a mapping; a name that comes twice has a list."""
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:  # more fields than that
        return {}
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _may_be_json(media: str, body: bytes) -> bool:
    if heads.is_json(media):
        return True
    unsaid = media in ("", "text/plain", "application/octet-stream", "text/json", _FORM)
    return unsaid and body[:64].lstrip()[:1] in (b"{", b"[")


def _is_tool(exchange: Exchange, response: bytes, sent: _Sent, answer: Answer) -> bool:
    head = exchange.request
    accept = (heads.value(head.headers, b"accept") or "").lower()
    if _fetches(head, accept):
        return False
    if sent.json or isinstance(answer.output, dict | list):
        return True
    if head.method not in _NO_ACTION or "json" in accept:
        return True
    # No JSON anywhere: a failure in plain text, or no answer at all, of what is an API still.
    media = heads.media_type(exchange.response.headers) if exchange.response else ""
    says_nothing = not response or media in ("", "text/plain")
    return says_nothing and "html" not in accept and _looks_like_api(head)


def _fetches(head: RequestHead, accept: str) -> bool:
    agent = (heads.value(head.headers, b"user-agent") or "").lower()
    kinds = accept + (heads.value(head.headers, b"content-type") or "").lower()
    return agent.startswith(_FETCHERS) or any(kind in kinds for kind in _FETCHED)


def _looks_like_api(head: RequestHead) -> bool:
    if any(heads.value(head.headers, key) is not None for key in _KEYS):
        return True
    words = [*head.host.lower().split("."), *head.path.lower().split("/")]
    return "api" in words or any(len(w) > 1 and w[0] == "v" and w[1:].isdigit() for w in words)


FORMAT = PlainHTTP()
