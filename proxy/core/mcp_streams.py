"""Joins the answers on an MCP event stream to the requests that were posted for them.

Legacy HTTP+SSE (revision 2024-11-05): the first event of the stream, `endpoint`, names the URL that
messages are posted to. A POST is answered 202 at once; its response is a `message` event.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import urljoin

from proxy.core import heads, jsonrpc, loose, plain
from proxy.core.model import Body, End, Exchange, Part, ResponseHead, header
from proxy.core.sse import SSEEvent, SSEParser

_ACCEPTED = 202
_JSON = ResponseHead(200, "OK", headers=((b"content-type", b"application/json"),))
_FIRST = b"endpoint"  # is in the first bytes of such a stream, whatever its lines end in
_MOST, _MOST_BYTES = 10_000, 16 * 1024 * 1024
_EARLY, _EARLY_BYTES = 1000, 16 * 1024  # of which one may have no more
_UNANSWERED = "the event stream ended before the answer"

type _Key = tuple[str, str]  # the URL that is posted to, and the id of the request


class Joined(NamedTuple):
    """A request with its answer, as if the POST had brought it; `stream` is whose it is."""

    exchange: Exchange
    stream: str


class _Said(NamedTuple):
    """A response on a stream, and when it came."""

    data: bytes
    at: float
    stream: str


@dataclass(slots=True)
class Streams:
    """Remembers what was asked by POST until the stream with the answers ends, within bounds."""

    _asked: OrderedDict[_Key, Exchange] = field(default_factory=OrderedDict)
    _early: OrderedDict[_Key, _Said] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def join(self, exchange: Exchange) -> list[Joined]:
        """Takes a finished exchange; returns what it completes, in the order of the answers."""
        head, response = exchange.request, exchange.response
        if response is None:
            return []
        if head.method == "POST" and response.status == _ACCEPTED:
            return list(self._posted(exchange))
        if head.method == "GET" and heads.media_type(response.headers) == "text/event-stream":
            return list(self._streamed(exchange))
        return []

    def _posted(self, exchange: Exchange) -> Iterator[Joined]:
        body = plain.request(exchange.request, exchange.request_body.data)
        if b'"jsonrpc"' not in body:
            return
        headers = exchange.request.headers
        bare = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
        head = replace(exchange.request, headers=bare)
        for message in jsonrpc.of_kind(jsonrpc.messages(loose.parse(body).value), "request"):
            alone = loose.dumps(message)
            one = replace(exchange, request=head, request_body=Body(alone))
            key = exchange.request.url, jsonrpc.key(message)
            if (said := self._early.pop(key, None)) is not None:
                yield _answered(one, said)
                continue
            self._forget(key)
            self._asked[key] = one
            self._bytes += len(alone)
            while len(self._asked) > _MOST or self._bytes > _MOST_BYTES:
                self._forget(next(iter(self._asked)))

    def _streamed(self, exchange: Exchange) -> Iterator[Joined]:
        data = plain.answer(exchange)
        if _FIRST not in data[:200]:
            return
        events = SSEParser().feed(data)
        if not events or events[0].event != "endpoint":
            return
        target = events[0].data.decode("utf-8", "replace").strip()
        posted_to = urljoin(exchange.request.url, target)
        when = _When(exchange)
        for event in events[1:]:
            said_all = jsonrpc.messages(loose.parse(event.data).value)
            for message in jsonrpc.of_kind(said_all, "response"):
                said = _Said(loose.dumps(message), when.of(event), exchange.id)
                key = posted_to, jsonrpc.key(message)
                if (asked := self._forget(key)) is not None:
                    yield _answered(asked, said)
                elif len(said.data) <= _EARLY_BYTES:
                    self._early[key] = said  # its POST has not quite ended
                    if len(self._early) > _EARLY:
                        self._early.popitem(last=False)
        for key in [key for key in self._asked if key[0] == posted_to]:
            if (asked := self._forget(key)) is not None:
                yield _unanswered(asked, exchange)

    def _forget(self, key: _Key) -> Exchange | None:
        known = self._asked.pop(key, None)
        if known is not None:
            self._bytes -= len(known.request_body.data)
        return known


class _When:
    """When the events of a stream came, in Unix seconds."""

    def __init__(self, exchange: Exchange) -> None:
        self._start = exchange.started_at
        body = exchange.response_body
        coded = exchange.response is not None and header(
            exchange.response.headers, b"content-encoding"
        )
        # the pieces of an encoded body are none of the decoded one
        self._parts: tuple[Part, ...] = body.parts[-1:] if coded else body.parts
        self._ends = list(accumulate(part.size for part in self._parts))

    def of(self, event: SSEEvent) -> float:
        """When the last byte of an event came."""
        if not self._parts:
            return self._start
        place = min(bisect_left(self._ends, event.end), len(self._parts) - 1)
        return self._start + self._parts[place].at_us / 1e6


def _answered(asked: Exchange, said: _Said) -> Joined:
    took = max(0, round((said.at - asked.started_at) * 1e6))
    made = replace(
        asked,
        response=_JSON,
        response_body=Body(said.data),
        first_byte_us=took,
        ended_us=took,
        notes=(*asked.notes, "the answer came on the session's event stream"),
    )
    return Joined(made, said.stream)


def _unanswered(asked: Exchange, stream: Exchange) -> Joined:
    """A request whose answer never came: who left, or what broke, is what ended the stream."""
    ended = stream.started_at + (stream.ended_us or 0) / 1e6
    made = replace(
        asked,
        response=None,
        end=End.UPSTREAM_TRUNCATED if stream.end is End.COMPLETE else stream.end,
        error=stream.error or _UNANSWERED,
        first_byte_us=None,
        ended_us=max(0, round((ended - asked.started_at) * 1e6)),
    )
    return Joined(made, stream.id)
