"""What is done about payloads that break an enforced schema: errors in the protocol's own shape.

A bad request is never sent. A bad answer is kept in the record as it came, with the note
`WITHHELD`; its client gets an error, which `as_answered` makes again from the record, so that a
replay answers as the recorded run was answered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import orjson

from proxy.core import encoding, heads, jsonrpc, loose, streams, wire
from proxy.core.decisions import Refuse
from proxy.core.model import Body, End, Exchange, Headers, Part, RequestHead, ResponseHead, header
from proxy.core.schemas import checking
from proxy.core.schemas.book import Book
from proxy.core.schemas.declared import ENFORCE
from proxy.core.validators import tool_schemas
from proxy.core.validators._api import Learned, Violation
from proxy.core.wire import mcp

WITHHELD: Final = "withheld: the client got an error in place of this answer"
REASON: Final = "schema"
_REFUSED, _BAD_ANSWER, _OK = 422, 502, 200
_INVALID_PARAMS, _INTERNAL = -32602, -32603
_SHOWN: Final = 5  # violations in one message
# What these say quotes nothing of the payload, except behind the words that are cut off.
_NAMES_ONLY: Final = frozenset(
    (
        *("required", "additionalProperties", "type", "enum", "const", "empty", "cut_off"),
        *("minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems", "contains"),
    )
)


@dataclass(slots=True, frozen=True)
class Case:
    """A request as it came, and what is declared. `step` is what its client calls it."""

    book: Book
    learned: Mapping[str, Learned]
    head: RequestHead
    step: str | None
    body: bytes


class Bad(NamedTuple):
    """What breaks an enforced schema, and whose."""

    subject: str
    violations: Sequence[Violation]


class Tool(NamedTuple):
    """A `tools/call` under an enforced schema: its key, and what is declared of it."""

    key: str
    subject: str
    arguments: Any
    known: Learned


def awaits_answer(case: Case) -> bool:
    """Whether the answer is under an enforced schema, too."""
    body = decoded(case.head.headers, case.body)
    if _is_mcp(case.head, body):
        found = tools(case.book, case.learned, mcp.server(case.head), _messages(body))
        return any(tool.known.output is not None for tool in found)
    own = case.book.of_request(case.head, case.step)
    return own is not None and own.mode == ENFORCE and bool(own.responses)


def refused_request(case: Case) -> Refuse | None:
    """What a request is answered with that breaks an enforced schema; None when it does not."""
    body = decoded(case.head.headers, case.body)
    if _is_mcp(case.head, body):
        found = tools(case.book, case.learned, mcp.server(case.head), _messages(body))
        bad = bad_arguments(found)
    else:
        own = case.book.of_request(case.head, case.step)
        if own is None or own.mode != ENFORCE:
            return None
        bad = _bad(own.name, checking.of_request(own, case.head, body))
    if bad is None:
        return None
    said = refused_words(bad)
    answer = _answer(case.head, body, _REFUSED, said, bad)
    extra: Headers = ((b"x-should-retry", b"false"), (b"dashcam-refused", REASON.encode()))
    headers = (*answer.response_headers, *extra)
    return Refuse(answer.status, headers, answer.body, f"{REASON}: {said}")


def withheld_answer(case: Case, response: ResponseHead, body: bytes) -> Refuse | None:
    """What a client gets in place of an answer that breaks an enforced schema; None: the answer."""
    sent, got = decoded(case.head.headers, case.body), decoded(response.headers, body)
    if _is_mcp(case.head, sent):
        found = tools(case.book, case.learned, mcp.server(case.head), _messages(sent))
        bad = bad_results(found, _answers(response, got))
    else:
        own = case.book.of_request(case.head, case.step)
        if own is None or own.mode != ENFORCE:
            return None
        bad = _bad(own.name, checking.of_response(own, case.head, response, got))
    if bad is None:
        return None
    said = withheld_words(bad)
    answer = _answer(case.head, sent, _BAD_ANSWER, said)
    return Refuse(answer.status, answer.response_headers, answer.body, f"{REASON}: {said}")


def as_answered(exchange: Exchange) -> Exchange:
    """The exchange with the answer that its client got, where that is not the one recorded."""
    if exchange.end is not End.REFUSED or WITHHELD not in exchange.notes:
        return exchange
    request = decoded(exchange.request.headers, exchange.request_body.data)
    said = (exchange.error or REASON).removeprefix(f"{REASON}: ")
    answer = _answer(exchange.request, request, _BAD_ANSWER, said)
    at = exchange.first_byte_us or 0
    stdio = exchange.request.scheme == mcp.STDIO
    body = answer.body + b"\n" if stdio else answer.body
    head = ResponseHead(answer.status, headers=() if stdio else answer.response_headers)
    return replace(exchange, response=head, response_body=Body(body, (Part(at, len(body)),)))


def tools(
    book: Book, learned: Mapping[str, Learned], server: str, sent: Sequence[jsonrpc.Message]
) -> list[Tool]:
    """The tools that messages of a client call and that are under an enforced schema."""
    found: list[Tool] = []
    for message in sent:
        if jsonrpc.method(message) != mcp.CALL:
            continue
        name, arguments = tool_schemas.called(message)
        for known, mode in tool_schemas.known_of(f"mcp:{server}/{name}", learned, book):
            if mode == ENFORCE:
                tool = Tool(jsonrpc.key(message), f"{server}/{name}", arguments, known)
                found.append(tool)
    return found


def bad_arguments(found: Sequence[Tool]) -> Bad | None:
    """The first call whose arguments break its schema."""
    told = (
        _bad(tool.subject, tool_schemas.arguments(tool.known, tool.arguments, tool.subject))
        for tool in found
    )
    return next(filter(None, told), None)


def bad_results(found: Sequence[Tool], got: Sequence[jsonrpc.Message]) -> Bad | None:
    """The first call whose result breaks its schema; `got` are messages of the server."""
    results = {
        jsonrpc.key(message): message.get("result") for message in jsonrpc.of_kind(got, "response")
    }
    told = (
        _bad(tool.subject, tool_schemas.result(tool.known, results.get(tool.key), tool.subject))
        for tool in found
    )
    return next(filter(None, told), None)


def rpc_error(sent: Any, code: int, message: str, bad: Bad | None = None) -> bytes:
    """The JSON-RPC error that answers `sent`, a message or a batch of them."""
    data: dict[str, Any] = {"type": REASON}
    if bad is not None:
        data["violations"] = _objects(bad)
    error = {"code": code, "message": f"Dashcam: {message}", "data": data}
    asked = jsonrpc.of_kind(jsonrpc.messages(sent), "request")
    errors = [{"jsonrpc": "2.0", "id": one.get("id"), "error": error} for one in asked]
    errors = errors or [{"jsonrpc": "2.0", "id": None, "error": error}]
    return loose.dumps(errors if isinstance(sent, list) else errors[0])


def refused_words(bad: Bad) -> str:
    """Why a call was not sent, in words."""
    return _words(bad, "the arguments broke the schema, so the call was not sent")


def withheld_words(bad: Bad) -> str:
    """Why an answer was withheld, in words."""
    return _words(bad, "the answer broke the schema, so it was withheld")


def decoded(headers: Headers, body: bytes) -> bytes:
    """A body without its Content-Encoding, as far as it can be decoded."""
    coding = header(headers, b"content-encoding")
    return encoding.decode(body, coding.decode("latin-1")).data if coding and body else body


class _Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def response_headers(self) -> Headers:
        size = str(len(self.body)).encode()
        return ((b"content-type", b"application/json"), (b"content-length", size))


def _answer(
    head: RequestHead, request: bytes, status: int, said: str, bad: Bad | None = None
) -> _Answer:
    if _is_mcp(head, request):
        code = _INVALID_PARAMS if status == _REFUSED else _INTERNAL
        return _Answer(_OK, rpc_error(loose.parse(request).value, code, said, bad))
    form = wire.recognise(head, request)
    body = form.error_body(status, f"Dashcam: {said}", type_=REASON)
    if bad is not None:
        told = loose.obj(loose.parse(body).value)
        body = orjson.dumps({**told, "dashcam": {"violations": _objects(bad)}})
    return _Answer(status, body)


def _objects(bad: Bad) -> list[dict[str, Any]]:
    return [
        {"path": one.path, "keyword": one.keyword, "message": _plain(one)}
        for one in bad.violations[:_SHOWN]
    ]


def _is_mcp(head: RequestHead, body: bytes) -> bool:
    return mcp.FORMAT.recognises(head, body)


def _messages(body: bytes) -> list[jsonrpc.Message]:
    return jsonrpc.messages(loose.parse(body).value)


def _answers(response: ResponseHead, body: bytes) -> list[jsonrpc.Message]:
    """The messages of a server's answer, whether it is JSON or a stream of events."""
    if streams.framing(heads.media_type(response.headers), body) != "sse":
        return _messages(body)
    reader = streams.reader("sse")
    return list(_streamed([*reader.feed(body), *reader.close()]))


def _streamed(events: Sequence[streams.StreamEvent]) -> Iterator[jsonrpc.Message]:
    for event in events:
        yield from jsonrpc.messages(event.value)


def _bad(subject: str, violations: Sequence[Violation]) -> Bad | None:
    """What was not checked accuses nobody."""
    found = [one for one in violations if one.keyword != "unchecked"]
    return Bad(subject, found) if found else None


def _words(bad: Bad, what: str) -> str:
    told = [_place(one) for one in bad.violations[:_SHOWN]]
    more = len(bad.violations) - len(told)
    return f"{bad.subject}: {what}: {'; '.join(told)}" + (f"; and {more} more" if more else "")


def _place(one: Violation) -> str:
    return _plain(one) if one.path == "$" else f"{one.path}: {_plain(one)}"


def _plain(one: Violation) -> str:
    """What is wrong, without the value that is: it may be a secret, and the client has it."""
    if one.keyword not in _NAMES_ONLY:
        return f"it breaks the rule {one.keyword}"
    return one.message.partition(", and is ")[0]
