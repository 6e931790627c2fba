"""mitmproxy's flows (`.mitm`), as `mitmdump -w` writes them; read without mitmproxy.

Bodies are as they were on the wire, so that they keep their Content-Encoding; chunk boundaries are
not in the file.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from proxy.core.model import End, Exchange, Frame, Headers, RequestHead, ResponseHead, Snapshot
from proxy.importers import _making
from proxy.importers._making import Notes
from proxy.importers._tnetstring import items

_START: Final = re.compile(rb"\d{1,12}:\d{1,2}:[a-z_]{2,24}[;,]")
_SUFFIXES: Final = (".mitm", ".flow", ".flows")
_ENDS: Final = (  # by words of mitmproxy's errors
    ("refused", End.UPSTREAM_REFUSED),
    ("resolve", End.UPSTREAM_REFUSED),
    ("not known", End.UPSTREAM_REFUSED),
    ("timed out", End.UPSTREAM_TIMEOUT),
    ("timeout", End.UPSTREAM_TIMEOUT),
    ("certificate", End.UPSTREAM_TLS),
    ("tls", End.UPSTREAM_TLS),
    ("client disconnected", End.CLIENT_GONE),
    ("reset", End.UPSTREAM_RESET),
)
_TEXT, _BINARY, _CLOSE, _SWITCHING = 1, 2, 8, 101


def recognises(head: bytes, name: str) -> bool:
    """A dictionary with a name in front, or the suffix."""
    return _START.match(head) is not None or name.endswith(_SUFFIXES)


def load(file: BinaryIO, name: str) -> list[Snapshot]:
    """One run, its calls by start."""
    data = _making.read_all(file)
    notes = Notes()
    found = sorted(_exchanges(data, notes), key=lambda one: one.started_at)
    return [_making.snapshot("mitm", name, data, found, notes)]


def _exchanges(data: bytes, notes: Notes) -> Iterator[Exchange]:
    for flow in items(data):
        state = flow if isinstance(flow, dict) else {}
        request = state.get("request")
        if state.get("type", "http") not in ("http", b"http") or not isinstance(request, dict):
            notes.add("a flow is no HTTP")
            continue
        made = _exchange(request, state, notes)
        if made is not None:
            yield made


def _exchange(request: dict[str, Any], state: dict[str, Any], notes: Notes) -> Exchange | None:
    host, port = _text(request.get("host")), request.get("port")
    scheme = _text(request.get("scheme")) or "http"
    if scheme not in {"http", "https"} or not host or not isinstance(port, int):
        notes.add("a flow has no host")
        return None
    head = RequestHead(
        _text(request.get("method")) or "GET",
        scheme,
        host,
        port,
        _text(request.get("path")) or "/",
        _text(request.get("http_version")) or "HTTP/1.1",
        _headers(request.get("headers")),
    )
    started = _seconds(request.get("timestamp_start")) or 0.0
    if request.get("content") is None:
        notes.add("the body of a request is not in the file")
    sent_us = _after(started, request.get("timestamp_end"))
    made = Exchange(
        id="",
        run_id="",
        seq=0,
        via="forward",
        started_at=started,
        request=head,
        request_body=_making.whole(_bytes(request.get("content")), sent_us),
        request_end_us=sent_us,
        ended_us=sent_us,
    )
    _answer(made, state, notes)
    return made


def _answer(made: Exchange, state: dict[str, Any], notes: Notes) -> None:
    response, error = state.get("response"), state.get("error")
    status = response.get("status_code") if isinstance(response, dict) else None
    if isinstance(response, dict) and isinstance(status, int):
        made.response = ResponseHead(
            status,
            _text(response.get("reason")) or "",
            _text(response.get("http_version")) or "HTTP/1.1",
            _headers(response.get("headers")),
        )
        if response.get("content") is None:
            notes.add("the body of an answer is not in the file")
        made.first_byte_us = _after(made.started_at, response.get("timestamp_start"))
        made.ended_us = _after(made.started_at, response.get("timestamp_end"))
        made.response_body = _making.whole(_bytes(response.get("content")), made.ended_us)
    if isinstance(error, dict):
        made.error = _text(error.get("msg")) or "it failed"
        said = made.error.lower()
        made.end = next((end for words, end in _ENDS if words in said), End.UPSTREAM_TRUNCATED)
        made.ended_us = _after(made.started_at, error.get("timestamp"))
    elif made.response is None:
        made.end, made.error = End.UPSTREAM_TRUNCATED, "no answer in the file"
    socket = state.get("websocket")
    if isinstance(socket, dict) and status == _SWITCHING:
        made.frames = tuple(_frames(socket, made.started_at))


def _frames(socket: dict[str, Any], started: float) -> Iterator[Frame]:
    messages = socket.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, list) or len(message) < 4:  # noqa: PLR2004 - type, side, data, time
            continue
        opcode, from_client, content, at = message[:4]
        if opcode in (_TEXT, _BINARY):
            data = content.encode() if isinstance(content, str) else _bytes(content)
            yield Frame(_after(started, at), bool(from_client), opcode, data)
    code = socket.get("close_code")
    if isinstance(code, int) and 1000 <= code <= 4999:  # noqa: PLR2004 - RFC 6455, 7.4
        reason = (_text(socket.get("close_reason")) or "").encode()[:123]
        at_us = _after(started, socket.get("timestamp_end"))
        by_client = socket.get("closed_by_client") is True
        yield Frame(at_us, by_client, _CLOSE, code.to_bytes(2) + reason)


def _headers(value: object) -> Headers:
    pairs = value if isinstance(value, list) else []
    return tuple(
        (bytes(pair[0]), bytes(pair[1]))
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, bytes) for x in pair)  # noqa: PLR2004
    )


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _seconds(value: object) -> float | None:
    known = isinstance(value, int | float) and math.isfinite(value) and value >= 0
    return float(value) if known and isinstance(value, int | float) else None


def _after(started: float, at: object) -> int:
    """Microseconds from the start; 0 for what is no time."""
    when = _seconds(at)
    return 0 if when is None else _making.micros((when - started) * 1000)
