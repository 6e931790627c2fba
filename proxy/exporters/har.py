"""HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), with WebSocket messages as Chrome has.

Bodies are decoded, as browsers write them. A call without an answer has status 0 and says why in
`_error`. `_dashcam` has what HAR has no place for; readers of HAR skip it.
"""

from base64 import b64encode
from collections.abc import Iterator
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

import orjson

from proxy.core.model import Event, Exchange, Frame, Headers, Snapshot, header
from proxy.core.outcomes import iso
from proxy.exporters import _views

_TEXT = 1  # opcode


def export(snapshot: Snapshot) -> Iterator[bytes]:
    """The file, an entry at a time."""
    run = snapshot.run
    found = {"runId": run.id, "label": run.label, "outcome": _views.outcome(snapshot)}
    yield b'{"log":{"version":"1.2","creator":{"name":"dashcam","version":""},"pages":[],'
    yield b'"_dashcam":' + orjson.dumps(found) + b',"entries":['
    for number, (exchange, event) in enumerate(_views.calls(snapshot)):
        yield (b",\n" if number else b"\n") + orjson.dumps(_entry(exchange, event))
    yield b"\n]}}\n"


def _entry(exchange: Exchange, event: Event | None) -> dict[str, Any]:
    timings = _timings(exchange)
    entry: dict[str, Any] = {
        "startedDateTime": iso(exchange.started_at),
        "time": sum(value for value in timings.values() if value > 0),
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": timings,
    }
    if exchange.frames:
        entry["_resourceType"] = "websocket"
        entry["_webSocketMessages"] = [_message(exchange, frame) for frame in exchange.frames]
    extra = {
        "seq": exchange.seq,
        "step": exchange.own.step or (event.data.get("step") if event else None),
        "group": exchange.own.group,
        "kind": event.kind if event else None,
        "end": str(exchange.end),
        "attempt": exchange.attempt,
    }
    entry["_dashcam"] = {name: value for name, value in extra.items() if value is not None}
    return entry


def _timings(exchange: Exchange) -> dict[str, float]:
    """Milliseconds; what is not known is -1 where HAR allows it, else 0."""
    sent, first, end = exchange.request_end_us, exchange.first_byte_us, exchange.ended_us
    known = [at for at in (sent, first, end) if at is not None]
    until = max(known, default=0)
    return {
        "blocked": -1,
        "dns": -1,
        "connect": -1,
        "send": (sent or 0) / 1000,
        "wait": max(0, (first if first is not None else until) - (sent or 0)) / 1000,
        "receive": max(0, until - (first if first is not None else until)) / 1000,
        "ssl": -1,
    }


def _request(exchange: Exchange) -> dict[str, Any]:
    head = exchange.request
    request: dict[str, Any] = {
        "method": head.method,
        "url": head.url,
        "httpVersion": head.http_version,
        "cookies": _cookies(head.headers, b"cookie"),
        "headers": _headers(head.headers),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(head.query, keep_blank_values=True)
        ],
        "headersSize": -1,
        "bodySize": len(exchange.request_body.data),
    }
    if exchange.request_body.data:
        kind = _views.content_type(head.headers)
        found = _views.text_of(_views.request_body(exchange))
        post: dict[str, Any] = {"mimeType": kind, "text": found.text, "params": []}
        if found.base64:
            post["encoding"] = "base64"
        request["postData"] = post
    return request


def _response(exchange: Exchange) -> dict[str, Any]:
    head = exchange.response
    if head is None:
        return {
            "status": 0,
            "statusText": "",
            "httpVersion": "",
            "cookies": [],
            "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_error": exchange.error or str(exchange.end),
        }
    raw, found = exchange.response_body.data, _views.text_of(_views.response_body(exchange))
    content: dict[str, Any] = {
        "size": found.size,
        "mimeType": _views.content_type(head.headers) or "x-unknown",
        "text": found.text,
    }
    if found.size > len(raw):
        content["compression"] = found.size - len(raw)
    if found.base64:
        content["encoding"] = "base64"
    return {
        "status": head.status,
        "statusText": head.reason,
        "httpVersion": head.http_version,
        "cookies": _cookies(head.headers, b"set-cookie"),
        "headers": _headers(head.headers),
        "content": content,
        "redirectURL": (header(head.headers, b"location") or b"").decode("latin-1"),
        "headersSize": -1,
        "bodySize": len(raw),
    }


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [
        {"name": name.decode("latin-1"), "value": value.decode("latin-1")}
        for name, value in headers
    ]


def _cookies(headers: Headers, name: bytes) -> list[dict[str, str]]:
    found = []
    for key, value in headers:
        if key.lower() == name:
            try:
                cookies = SimpleCookie(value.decode("latin-1"))
            except CookieError:
                continue  # the header itself is there in full
            found += [{"name": one.key, "value": one.value} for one in cookies.values()]
    return found


def _message(exchange: Exchange, frame: Frame) -> dict[str, Any]:
    text = frame.opcode == _TEXT
    data = frame.data.decode("utf-8", "replace") if text else b64encode(frame.data).decode()
    return {
        "type": "send" if frame.from_client else "receive",
        "time": exchange.started_at + frame.at_us / 1e6,
        "opcode": frame.opcode,
        "data": data,
    }
