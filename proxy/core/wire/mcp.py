"""The Model Context Protocol, 2024-11-05 to 2026-07-28: JSON-RPC over HTTP, or a recorded stdio.

Streamable HTTP: each message of the client is a POST; its answer is JSON or an event stream that
may hold notifications and requests of the server before the response. GET opens a stream of what
the server says unasked, DELETE ends a session. Legacy HTTP+SSE: POSTs are answered 202, responses
come on the stream that GET opened. Batches are of 2025-03-26. A server over stdio is recorded under
`mcp+stdio://SERVER/`, its messages one a line.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, override

from proxy.core import faults, heads, jsonrpc, loose, steps
from proxy.core.calls import Call, CallError, ToolDef
from proxy.core.dialect import Answer, Asked, Dialect
from proxy.core.jsonrpc import Message
from proxy.core.model import End, Exchange, RequestHead, ResponseHead
from proxy.core.streams import Assembly, Framing, StreamEvent
from proxy.errors import FormatError

STDIO = "mcp+stdio"
FROM_SERVER = "/client"  # the target of what a server over stdio says first
TOO_LATE = "answered when its client had cancelled it"
CALL = "tools/call"
_EVENTS = "text/event-stream"
_HEADERS = (b"mcp-session-id", b"mcp-protocol-version", b"mcp-method")
# `tasks/…` and bare responses are told by headers: other JSON-RPC protocols have them too.
_METHOD = re.compile(
    rb'"method"\s*:\s*"(?:initialize|ping|(?:server|subscriptions|tools|resources|prompts|'
    rb"completion|logging|notifications|sampling|elicitation|roots)\\?/)"
)
_LEGACY = re.compile(r"(?:^|&)session_?id=([^&]+)", re.IGNORECASE)
# Path segments that say how, not to whom.
_GENERIC = frozenset(
    ("", "mcp", "sse", "message", "messages", "rpc", "http", "stream", "v1", "api")
)
_NAMED = {"prompts/get": "name"}
_LONG_LIVED = "subscriptions/listen"
_DISCOVER = "server/discover"
_LEGACY_START = b"event: endpoint"
_UNSUPPORTED_VERSION = "-32022"
_SERVER_INFO = "io.modelcontextprotocol/serverInfo"
_CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
_VERSION = "io.modelcontextprotocol/protocolVersion"
_LEFT = (End.CLIENT_GONE, End.INTERRUPTED)
_ACCEPTED, _ERROR, _NOT_FOUND, _NOT_ALLOWED = 202, 400, 404, 405
_MAX_ID, _MAX_MESSAGES, _MAX_METHODS = 512, 1000, 100


class MCP(Dialect):
    """Every exchange with an MCP server."""

    name = "mcp"
    vendor = ""
    kind = "http"

    @override
    def recognises(self, head: RequestHead, request: bytes) -> bool:
        if head.scheme == STDIO:
            return True
        marked = _marked(head)
        if head.method == "POST":
            if b'"jsonrpc"' not in request:
                return False
            return marked or bool(_LEGACY.search(head.query) or _METHOD.search(request))
        if head.method == "GET":
            events = _EVENTS in (heads.value(head.headers, b"accept") or "")
            return events and (marked or head.path.rstrip("/").endswith("/sse"))
        return marked and head.method == "DELETE"

    @override
    def step(self, head: RequestHead, request: bytes) -> str:
        if head.method == "DELETE":
            return f"mcp:{server(head)}/close"
        if head.method == "GET":
            return f"mcp:{server(head)}/listen" if _marked(head) else steps.step(head)
        names = dict.fromkeys(map(_name, jsonrpc.messages(loose.parse(request).value)))
        name = next(iter(names)) if len(names) == 1 else "batch" if names else "unknown"
        return f"mcp:{server(head)}/{name}"

    @override
    def decode(self, exchange: Exchange, request: bytes, response: bytes) -> Call:
        head = exchange.request
        value, note = loose.parse(request)
        sent = jsonrpc.messages(value)
        answer = self.read(exchange, response)
        if head.method == "POST" and not sent:
            said = note or "without a JSON-RPC message"
            raise FormatError(f"the request is not MCP: its body is {said}")
        got = answer.output if isinstance(answer.output, list) else []
        if head.method == "GET" and not (got or _marked(head) or _LEGACY_START in response[:200]):
            raise FormatError("the stream is not MCP: it holds no JSON-RPC message")
        asked = _asked(head, sent)
        calls = [message for message in sent if jsonrpc.method(message) == CALL]
        answer.output, tools = _output(sent, got), _tools(sent, got)
        call = self.call(exchange, request, asked, answer, note if sent else None)
        return replace(
            call,
            # of one that was only accepted, the stream with its answer makes the tool call
            kind="tool_call" if calls and not _accepted(exchange) else "http",
            provider=None,
            tools=tools,
            settings={**asked.settings, **_told(got)},
            session={**asked.session, **_session_of(exchange.response)},
        )

    @override
    def framing(self, exchange: Exchange, media: str, response: bytes) -> Framing:
        return (
            "ndjson"
            if exchange.request.scheme == STDIO
            else super().framing(exchange, media, response)
        )

    @override
    def assembly(self) -> Assembly:
        return _Messages()

    @override
    def read(self, exchange: Exchange, response: bytes) -> Answer:
        head = exchange.response
        if head is None:
            return super().read(exchange, response)
        kind = self.framing(exchange, heads.media_type(head.headers), response)
        if kind not in ("sse", "ndjson") or head.status >= _ERROR:
            return self._plain(exchange, head, response)
        wanted = _awaited(exchange)
        if wanted == 0:
            return self._open_ended(exchange, head, response, kind)
        answer = self._streamed(exchange, head, response, kind, _Messages(wanted))
        if kind == "ndjson" and answer.complete:  # over stdio a single message is no stream
            answer.streamed = len(answer.output) > 1
        return answer

    def _open_ended(
        self, exchange: Exchange, head: ResponseHead, response: bytes, kind: Framing
    ) -> Answer:
        """A stream of what the server says unasked: it is over when somebody leaves."""
        answer = self._streamed(exchange, head, response, kind, _Messages(0))
        if answer.error is not None and _LEGACY_START in response[:200]:
            answer.error = None  # it is that of a request, which was posted
        if exchange.end not in (*_LEFT, End.COMPLETE) and answer.error is None:
            answer.error = faults.transport_error(exchange)
            answer.complete = False
        return answer

    def _plain(self, exchange: Exchange, head: ResponseHead, response: bytes) -> Answer:
        accepted = _accepted(exchange)  # some say so in words as well
        empty = accepted or not response.strip()
        value, note = loose.Parsed(None) if empty else loose.parse(response)
        transport = faults.transport_error(exchange)
        answer = self.answer({"messages": jsonrpc.messages(value)}, exchange)
        answer.streamed = False
        if head.status >= _ERROR:
            failed = faults.status_error(head.status, response, value)
            if answer.error is not None and answer.error.where == "jsonrpc":
                failed = replace(answer.error, embedded=False)
            answer.error = failed
            if _declined(exchange, head.status):
                answer.error = None
                answer.notes.append("the server does not offer it, as the protocol allows")
        elif not empty and not answer.output:
            answer.complete = False
            said = note or "it holds no JSON-RPC message"
            answer.error = transport or CallError(
                "invalid_body", f"the answer is not MCP: {said}", where="body", embedded=True
            )
        elif accepted and _awaited(exchange):
            answer.notes.append("accepted: the response comes on the session's event stream")
        if note is not None:
            answer.notes.append(f"response body: {note}")
        answer.error = answer.error or transport
        answer.complete = answer.complete and transport is None
        return answer

    @override
    def answer(self, body: Mapping[str, Any], exchange: Exchange) -> Answer:
        found = [one for one in loose.objects(body.get("messages")) if jsonrpc.kind(one)]
        responses = jsonrpc.of_kind(found, "response")
        answer = Answer(output=found)
        answer.error = next(filter(None, map(_error, responses)), None)
        if answer.error is not None and _negotiates(exchange, answer.error):
            answer.notes.append(f"not understood by the server: {answer.error.message}"[:200])
            answer.error = None
        results = [loose.obj(message.get("result")) for message in responses]
        answer.finish_reason = next(filter(None, (_type(one) for one in results)), None)
        states = (loose.text(one.get("requestState")) for one in results)
        answer.response_id = next((_short(state) for state in states if state), None)
        answer.notes += _asked_back(found, results)
        return answer

    @override
    def error_body(self, status: int, message: str, *, type_: str) -> bytes:
        data = {"type": type_, "status": status}
        error = {"code": -32603, "message": message, "data": data}
        return loose.dumps({"jsonrpc": "2.0", "id": None, "error": error})

    @override
    def stream_error(self, message: str, *, type_: str) -> bytes:
        return b"event: message\ndata: " + self.error_body(0, message, type_=type_) + b"\n\n"


def server(head: RequestHead) -> str:
    """Which server it is, as far as the request says: its name over stdio, else host and path."""
    if head.scheme == STDIO:
        return head.host
    path = [part for part in steps.template(head.path).split("/") if part not in _GENERIC]
    return "/".join([head.authority, *path])


def speaks(head: RequestHead) -> bool:
    """Whether a request looks like a message to an MCP server, from its head alone.

    A client must accept both JSON and events (streamable HTTP), which hardly anybody else does.
    """
    if head.method != "POST":
        return False
    accept = heads.value(head.headers, b"accept") or ""
    both = _EVENTS in accept and "application/json" in accept
    return both or _marked(head) or _LEGACY.search(head.query) is not None


def _marked(head: RequestHead) -> bool:
    """Whether a request's headers say that it is MCP."""
    return any(heads.value(head.headers, name) is not None for name in _HEADERS)


class _Messages:
    """The messages of one stream; complete when `wanted` requests have their response."""

    def __init__(self, wanted: int = 1) -> None:
        self.error: CallError | None = None
        self.settled = False
        self._wanted = wanted
        self._found: list[Message] = []
        self._responses = 0

    @property
    def complete(self) -> bool:
        return self._responses >= self._wanted

    def add(self, event: StreamEvent) -> None:
        for message in jsonrpc.messages(event.value):
            response = jsonrpc.kind(message) == "response"
            self._responses += response
            if response or len(self._found) < _MAX_MESSAGES:
                self._found.append(message)

    def result(self) -> dict[str, Any]:
        return {"messages": self._found}


def _name(message: Message) -> str:
    """What a step says of a message."""
    method = jsonrpc.method(message)
    if not method:
        return "response"
    if method == CALL:
        return loose.text(jsonrpc.params(message).get("name")) or "unnamed"
    named = _NAMED.get(method)
    name = loose.text(jsonrpc.params(message).get(named)) if named else None
    return f"{method}/{name}" if name else method


def _asked(head: RequestHead, sent: Sequence[Message]) -> Asked:
    inputs = [_input(message) for message in sent]
    methods = [jsonrpc.method(message) for message in sent if jsonrpc.method(message)]
    settings: dict[str, Any] = {}
    if methods:
        settings["method"] = methods[0] if len(methods) == 1 else methods[:_MAX_METHODS]
    version = heads.value(head.headers, b"mcp-protocol-version")
    session: dict[str, str] = {}
    state = None
    for message in sent:
        asked, meta = jsonrpc.params(message), jsonrpc.meta(message)
        version = (
            loose.text(asked.get("protocolVersion")) or loose.text(meta.get(_VERSION)) or version
        )
        if client := loose.obj(asked.get("clientInfo")) or loose.obj(meta.get(_CLIENT_INFO)):
            settings["client"] = client
        state = state or loose.text(asked.get("requestState"))
        session.update(_ids(meta))
    if version:
        settings["protocolVersion"] = version
    if (id_ := heads.value(head.headers, b"mcp-session-id")) or (id_ := _legacy_id(head)):
        session["mcp.session_id"] = id_[:_MAX_ID]
    return Asked(
        settings=settings,
        session=session,
        input=inputs[0] if len(inputs) == 1 else inputs or None,
        previous_response_id=_short(state) if state else None,
    )


def _input(message: Message) -> Any:
    """A tool's arguments; of other messages what they bring, without `_meta`."""
    method = jsonrpc.method(message)
    if method == CALL:
        return jsonrpc.params(message).get("arguments", {})
    if not method:
        return message.get("result", message.get("error"))
    return {key: value for key, value in jsonrpc.params(message).items() if key != "_meta"} or None


def _ids(meta: Mapping[str, Any]) -> dict[str, str]:
    """The texts in `_meta` that may name a run: trace context, baggage, an agent's own ids."""
    return {
        key: value[:_MAX_ID]
        for key, value in meta.items()
        if isinstance(value, str) and value and not key.startswith("io.modelcontextprotocol/")
    }


def _legacy_id(head: RequestHead) -> str | None:
    found = _LEGACY.search(head.query) if head.method == "POST" else None
    return found[1] if found else None


def _session_of(response: ResponseHead | None) -> dict[str, str]:
    given = heads.value(response.headers, b"mcp-session-id") if response else None
    return {"mcp.session_id": given[:_MAX_ID]} if given else {}


def _awaited(exchange: Exchange) -> int:
    """How many responses the exchange must bring; 0 when it is open-ended."""
    if exchange.request.method != "POST":
        return 0
    sent = jsonrpc.messages(loose.parse(exchange.request_body.data).value)
    asked = jsonrpc.of_kind(sent, "request")
    if any(jsonrpc.method(message) == _LONG_LIVED for message in asked):
        return 0
    return len(asked) if sent else 1  # an encoded body is not read here


def _accepted(exchange: Exchange) -> bool:
    return exchange.response is not None and exchange.response.status == _ACCEPTED


def _declined(exchange: Exchange, status: int) -> bool:
    """Whether an error status is an ordinary answer: no GET stream, no sessions to delete."""
    method = exchange.request.method
    return (status == _NOT_ALLOWED and method in ("GET", "DELETE")) or (
        status == _NOT_FOUND and method == "DELETE"
    )


def _negotiates(exchange: Exchange, error: CallError) -> bool:
    """Whether client and server are finding the revision that both know."""
    sent = jsonrpc.messages(loose.parse(exchange.request_body.data).value)
    methods = [jsonrpc.method(message) for message in sent]
    if methods == ["initialize"]:
        return error.code == _UNSUPPORTED_VERSION
    return methods == [_DISCOVER] and error.where == "jsonrpc"


def _error(response: Message) -> CallError | None:
    failed = jsonrpc.error(response)
    result = loose.obj(response.get("result"))
    if failed is not None or result.get("isError") is not True:
        return failed
    texts = [loose.text(part.get("text")) for part in loose.objects(result.get("content"))]
    said = "\n".join(text for text in texts if text) or "the tool says that it failed"
    return CallError("tool_error", said[:2000], where="tool", embedded=True)


def _type(result: Mapping[str, Any]) -> str | None:
    return loose.text(result.get("resultType"))


def _short(state: str) -> str:
    """A continuation's state as an id: both calls of one logical call have the same one."""
    if len(state) <= _MAX_ID:
        return state
    return f"sha256:{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()}"


def _asked_back(found: Sequence[Message], results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Notes on what the server said or asked beside its response."""
    notes = [
        f"the server asked: {jsonrpc.method(message)}"[:200]
        for message in jsonrpc.of_kind(found, "request")
    ]
    for result in results:
        wanted = loose.obj(result.get("inputRequests"))
        notes += [
            f"input required: {jsonrpc.method(loose.obj(one)) or 'input'} ({key})"[:200]
            for key, one in wanted.items()
        ]
    told = [jsonrpc.method(one) for one in jsonrpc.of_kind(found, "notification")]
    counts = {name: told.count(name) for name in dict.fromkeys(told)}
    notes += [f"{name} ({count})"[:200] for name, count in list(counts.items())[:4]]
    return notes


def _output(sent: Sequence[Message], got: Sequence[Message]) -> Any:
    """The result, or those of a batch in the order they were asked for; a stream's messages."""
    asked = jsonrpc.of_kind(sent, "request")
    by_id = {jsonrpc.key(one): one.get("result") for one in jsonrpc.of_kind(got, "response")}
    if not asked:
        return list(got) or None
    if len(asked) == 1:
        # a server that got the id wrong has still answered
        result = by_id.get(jsonrpc.key(asked[0]), next(iter(by_id.values()), None))
        return None if jsonrpc.method(asked[0]) == "tools/list" else _bare(result)
    return [_bare(by_id.get(jsonrpc.key(one))) for one in asked] if by_id else None


def _bare(result: Any) -> Any:
    if not isinstance(result, dict):
        return result
    return {key: value for key, value in result.items() if key != "_meta"}


def _tools(sent: Sequence[Message], got: Sequence[Message]) -> tuple[ToolDef, ...]:
    """The tools that a `tools/list` declares."""
    if not any(jsonrpc.method(message) == "tools/list" for message in sent):
        return ()
    results = (loose.obj(one.get("result")) for one in jsonrpc.of_kind(got, "response"))
    return tuple(
        ToolDef(
            loose.text(tool.get("name")) or "",
            loose.text(tool.get("description")),
            _schema(tool.get("inputSchema")),
            _schema(tool.get("outputSchema")),
        )
        for result in results
        for tool in loose.objects(result.get("tools"))
    )


def _schema(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _told(got: Sequence[Message]) -> dict[str, Any]:
    """What the server says of itself: at its initialisation, or in a result's `_meta`."""
    told: dict[str, Any] = {}
    for message in jsonrpc.of_kind(got, "response"):
        result = loose.obj(message.get("result"))
        info = loose.obj(result.get("serverInfo")) or loose.obj(
            jsonrpc.meta(message).get(_SERVER_INFO)
        )
        if info:
            told["server"] = info
        if version := loose.text(result.get("protocolVersion")):
            told["protocolVersion"] = version
    return told


FORMAT = MCP()
