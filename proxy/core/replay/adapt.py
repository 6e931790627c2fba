"""Changes to a recorded answer that its protocol demands; not a byte more.

JSON-RPC (MCP): the answer's `id` is the request's, and notifications name the request's progress
token. The values are replaced in place, in plain JSON and in the `data` lines of an event stream.
MCP's session id: a client that brings one gets no other one. An MCP stream that GET opens ends when
the client leaves it: one that ended before would be opened again. `Date` is the caller's to give.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any, Final, NamedTuple

import orjson

from proxy.core import heads, plain
from proxy.core.model import Body, End, Exchange, Headers, Part, RequestHead, header
from proxy.core.schemas.enforcing import as_answered

_SESSION: Final = b"mcp-session-id"
_REVISION: Final = b"mcp-protocol-version"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SCALAR: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s,\]}]+')
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
# Where in an answer the request's id (0) and its progress token (1) stand.
_PATHS: Final = {("id",): 0, ("params", "requestId"): 0, ("params", "progressToken"): 1}
_MAX_DEPTH: Final = 100
_OVER: Final = frozenset({End.COMPLETE, End.INTERRUPTED})  # by the server, or with the run


class Edit(NamedTuple):
    """Bytes `start` to `end` become `new`."""

    start: int
    end: int
    new: bytes


def adapted(
    exchange: Exchange, head: RequestHead, body: bytes, *, date: bytes | None = None
) -> Exchange:
    """The exchange with the answer that this request must get; the same one if nothing differs.

    Args:
        exchange: recorded.
        head: the live request.
        body: its body as it was on the wire.
        date: what a `Date` header of the answer is replaced with; None leaves it.
    """
    exchange = as_answered(exchange)
    response = exchange.response
    if response is None:
        return exchange
    if _stays_open(head, exchange):
        exchange = replace(exchange, end=End.CLIENT_GONE)
    pairs = _pairs(
        plain.request(exchange.request, exchange.request_body.data), plain.request(head, body)
    )
    answer = exchange.response_body
    headers = response.headers
    if pairs:
        if header(headers, b"content-encoding"):
            answer = whole(answer, plain.answer(exchange))
            headers = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
        answer = spliced(answer, list(_edits(answer.data, pairs)))
        headers = _with(headers, b"content-length", b"%d" % len(answer.data))
    if session := header(head.headers, _SESSION):
        headers = _with(headers, _SESSION, session)
    if date is not None:
        headers = _with(headers, b"date", date)
    if headers == response.headers and answer is exchange.response_body:
        return exchange
    return replace(exchange, response=replace(response, headers=headers), response_body=answer)


def _stays_open(head: RequestHead, exchange: Exchange) -> bool:
    """Whether it is the stream of what an MCP server says unasked."""
    if head.method != "GET" or exchange.end not in _OVER or exchange.response is None:
        return False
    mine = any(header(head.headers, name) for name in (_SESSION, _REVISION))
    return mine and heads.media_type(exchange.response.headers) == "text/event-stream"


def spliced(body: Body, edits: list[Edit]) -> Body:
    """A body with some bytes replaced; each piece keeps its time and grows or shrinks."""
    if not edits:
        return body
    data, sizes = body.data, [part.size for part in body.parts]
    ends = list(accumulate(sizes))
    pieces: list[bytes] = []
    done = 0
    for start, end, new in edits:
        pieces += data[done:start], new
        done = end
        if ends:
            first = next(index for index, at in enumerate(ends) if start < at)
            sizes[first] += len(new)
            for index in range(first, len(ends)):  # the old bytes may lie in several pieces
                begin = ends[index - 1] if index else 0
                sizes[index] -= max(0, min(end, ends[index]) - max(start, begin))
    parts = tuple(Part(part.at_us, size) for part, size in zip(body.parts, sizes, strict=True))
    return replace(body, data=b"".join((*pieces, data[done:])), parts=parts)


def whole(body: Body, data: bytes) -> Body:
    """The decoded body in one piece: its pieces were pieces of the encoded one."""
    at = body.parts[0].at_us if body.parts else 0
    return replace(body, data=data, parts=(Part(at, len(data)),) if data else ())


def _with(headers: Headers, name: bytes, value: bytes) -> Headers:
    """`headers` with another value for a name they have; they do not get one they have not."""
    return tuple((key, value if key.lower() == name else old) for key, old in headers)


def _pairs(recorded: bytes, live: bytes) -> dict[tuple[int, bytes], bytes]:
    """Recorded id (0) or progress token (1) to live one, both as JSON, where they differ."""
    if b'"jsonrpc"' not in recorded or b'"jsonrpc"' not in live:
        return {}
    old, new = _messages(recorded), _messages(live)
    pairs: dict[tuple[int, bytes], bytes] = {}
    for before, after in zip(old, new, strict=False):
        for kind, (one, other) in enumerate(zip(_named(before), _named(after), strict=True)):
            if one is not None and other is not None and one != other:
                pairs[kind, orjson.dumps(one)] = orjson.dumps(other)
    return pairs


def _messages(body: bytes) -> list[dict[str, Any]]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _named(message: dict[str, Any]) -> tuple[Any, Any]:
    """The id and the progress token of a request."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return message.get("id"), meta.get("progressToken") if isinstance(meta, dict) else None


def _edits(data: bytes, pairs: Mapping[tuple[int, bytes], bytes]) -> Iterator[Edit]:
    for start, end in _texts(data):
        for path, begin, stop in _scalars(data, start, end):
            kind = _PATHS.get(path)
            if kind is not None and (new := pairs.get((kind, _plain(data[begin:stop])))):
                yield Edit(begin, stop, new)


def _plain(value: bytes) -> bytes:
    """A JSON scalar spelled as orjson spells it."""
    try:
        return orjson.dumps(orjson.loads(value))
    except (orjson.JSONDecodeError, TypeError):
        return value


def _texts(data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of the JSON texts: the body, or the `data` of each event on one line."""
    if _SPACE.sub(b"", data[:64], count=1)[:1] in (b"{", b"["):
        yield 0, len(data)
        return
    at = 0
    for line in data.splitlines(keepends=True):
        if line.startswith(b"data:") and b"{" in line:
            yield at + line.index(b"{"), at + len(line)
        at += len(line)


def _scalars(data: bytes, start: int, end: int) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Path, start and end of the scalars in a JSON text; it stops where the text breaks off.

    Items of lists have the path of their list: a batch is read like its messages.
    """
    path: list[str] = []
    kinds: list[bytes] = []
    at = _SPACE.match(data, start).end()  # type: ignore[union-attr]  # matches anything
    while at < end and len(kinds) < _MAX_DEPTH:
        mark = data[at : at + 1]
        if mark in (b"{", b"["):
            kinds.append(mark)
            path.append("")
            at += 1
        elif mark in (b"}", b"]"):
            if not kinds:
                return
            kinds.pop()
            path.pop()
            at += 1
        elif mark in (b",", b":"):
            at += 1
        else:
            found = _SCALAR.match(data, at, end)
            if found is None:
                return
            at = _SPACE.match(data, found.end()).end()  # type: ignore[union-attr]  # matches anything
            if kinds and kinds[-1] == b"{" and data[at : at + 1] == b":":
                path[-1] = _key(found[0])
                at += 1
            else:
                yield tuple(filter(None, path)), *found.span()
        at = _SPACE.match(data, at).end()  # type: ignore[union-attr]  # matches anything


def _key(raw: bytes) -> str:
    try:
        return str(orjson.loads(raw))
    except orjson.JSONDecodeError:
        return "?"
