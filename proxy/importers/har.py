"""HAR 1.2, as browsers, proxies and `dashcam export` write it."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import urlencode

import orjson

from proxy.core.model import Body, End, Exchange, Frame, Own, Snapshot
from proxy.errors import RecordingFormatError
from proxy.importers import _making
from proxy.importers._making import Notes

_BINARY, _CLOSE = 2, 8  # opcodes
_SWITCHING = 101

# What Chrome and Firefox write where there was no answer.
_ENDS = (
    ("REFUSED", End.UPSTREAM_REFUSED),
    ("NAME_NOT_RESOLVED", End.UPSTREAM_REFUSED),
    ("UNREACHABLE", End.UPSTREAM_REFUSED),
    ("TIMED_OUT", End.UPSTREAM_TIMEOUT),
    ("RESET", End.UPSTREAM_RESET),
    ("CERT", End.UPSTREAM_TLS),
    ("SSL", End.UPSTREAM_TLS),
    ("ABORTED", End.CLIENT_GONE),
)


def recognises(head: bytes, name: str) -> bool:
    """A JSON object with a `log`, or the suffix."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:400]
    return name.endswith(".har") or (start.startswith(b"{") and b'"log"' in start)


def load(file: BinaryIO, name: str) -> list[Snapshot]:
    """One run, its calls by start."""
    data = _making.read_all(file)
    try:
        log = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))["log"]
        entries = log["entries"]
    except orjson.JSONDecodeError as why:
        raise RecordingFormatError(f"line {why.lineno}: not JSON: {why.msg}") from None
    except (KeyError, TypeError):
        raise RecordingFormatError("no HAR: log.entries is missing") from None
    if not isinstance(entries, list):
        raise RecordingFormatError("no HAR: log.entries is no list")
    notes = Notes()
    found = sorted(_exchanges(entries, notes), key=lambda one: one.started_at)
    own = log.get("_dashcam")
    label = own.get("label") if isinstance(own, dict) else None
    label = label if isinstance(label, str) else None
    return [_making.snapshot("har", name, data, found, notes, label=label)]


def _exchanges(entries: list[Any], notes: Notes) -> Iterator[Exchange]:
    before = 0.0
    for entry in entries:
        if not isinstance(entry, dict):
            notes.add("an entry is no object")
            continue
        started = _time(entry.get("startedDateTime"))
        if started is None:
            notes.add("the start of a call is not known")
            started = before
        before = started
        exchange = _exchange(entry, started, notes)
        if exchange is not None:
            yield exchange


def _exchange(entry: dict[str, Any], started: float, notes: Notes) -> Exchange | None:
    request, response = _dict(entry.get("request")), _dict(entry.get("response"))
    headers = _making.header_pairs(_pairs(request.get("headers")))
    url, version = str(request.get("url", "")), str(request.get("httpVersion", ""))
    head = _making.request_head(str(request.get("method") or "GET"), url, headers, version)
    if head is None:
        notes.add("a call does not go over HTTP")
        return None
    sent = _request_body(_dict(request.get("postData")), notes)
    timings = {name: _making.micros(at) for name, at in _dict(entry.get("timings")).items()}
    send_us = sum(timings.get(name, 0) for name in ("blocked", "dns", "connect", "send"))
    first_us = send_us + timings.get("wait", 0)
    end_us = max(first_us + timings.get("receive", 0), _making.micros(entry.get("time")))
    own = _dict(entry.get("_dashcam"))
    exchange = Exchange(
        id="",
        run_id="",
        seq=0,
        via="forward",
        started_at=started,
        request=_making.plain_request(head, sent),
        request_body=_making.whole(sent, send_us),
        own=Own(step=_text(own.get("step")), group=_text(own.get("group"))),
        request_end_us=send_us,
        ended_us=end_us,
    )
    _answer(exchange, entry, response, first_us, notes)
    if (end := _making.end_of(own.get("end"))) is not None:
        exchange.end = end
    return exchange


def _answer(
    exchange: Exchange, entry: dict[str, Any], response: dict[str, Any], first_us: int, notes: Notes
) -> None:
    content = _dict(response.get("content"))
    body = _content(content, notes)
    status = response.get("status")
    if isinstance(status, int) and status not in (204, 304):
        size = content.get("size")
        if "text" not in content and isinstance(size, int) and size > 0:
            notes.add("the body of an answer is not in the file")
            exchange.notes = ("the body of the answer was not in the imported file",)
    headers = _making.header_pairs(_pairs(response.get("headers")))
    exchange.response = _making.response_head(
        status if isinstance(status, int) else 0,
        str(response.get("statusText") or ""),
        headers,
        len(body),
        str(response.get("httpVersion") or ""),
    )
    if exchange.response is None:
        error = str(response.get("_error") or entry.get("_error") or "no answer in the file")
        found = (end for mark, end in _ENDS if mark in error.upper())
        exchange.error, exchange.end = error, next(found, End.UPSTREAM_TRUNCATED)
        return
    exchange.first_byte_us = first_us
    messages = entry.get("_webSocketMessages")
    if isinstance(messages, list) or exchange.response.status == _SWITCHING:
        found_frames = messages if isinstance(messages, list) else []
        exchange.frames = tuple(_frames(found_frames, exchange.started_at, notes))
        exchange.response_body = Body()
    else:
        exchange.response_body = _making.whole(body, exchange.ended_us or 0)


def _request_body(post: dict[str, Any], notes: Notes) -> bytes:
    text, params = post.get("text"), post.get("params")
    if isinstance(text, str) and (text or not params):
        return _decoded(text, post.get("encoding"), notes)
    if not params:
        return b""
    if "urlencoded" in str(post.get("mimeType", "")):
        return urlencode(_pairs(params)).encode()
    notes.add("the body of a request is not in the file")
    return b""


def _content(content: dict[str, Any], notes: Notes) -> bytes:
    text = content.get("text")
    return _decoded(text, content.get("encoding"), notes) if isinstance(text, str) else b""


def _decoded(text: str, encoding: object, notes: Notes) -> bytes:
    if encoding == "base64":
        return _making.base64(text, notes)
    return text.encode("utf-8", "surrogatepass")


def _frames(messages: list[Any], started: float, notes: Notes) -> Iterator[Frame]:
    for message in map(_dict, messages):
        opcode, at = message.get("opcode"), message.get("time")
        if opcode not in (1, _BINARY, _CLOSE):
            notes.add("a WebSocket message is neither text nor binary")
            continue
        at_us = _making.micros((at - started) * 1000) if isinstance(at, int | float) else 0
        data = str(message.get("data") or "")
        raw = _decoded(data, "base64" if opcode != 1 else None, notes)
        yield Frame(at_us, message.get("type") == "send", opcode, raw)


def _time(value: object) -> float | None:
    """ISO 8601 as Unix seconds."""
    try:
        when = datetime.fromisoformat(str(value))
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _pairs(value: object) -> list[tuple[Any, Any]]:
    items = value if isinstance(value, list) else []
    return [(item.get("name"), item.get("value")) for item in map(_dict, items)]
