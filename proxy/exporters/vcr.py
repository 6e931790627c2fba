"""A VCR.py cassette (format version 1). Calls that failed on the wire have no place there.

WebSockets have none either.
Every value is written as a JSON string, which is a YAML string too; binary bodies as `!!binary`.
Bodies are decoded, as with VCR.py's `decode_compressed_response`.
"""

import re
from base64 import b64encode
from collections.abc import Iterator

import orjson

from proxy.core.model import End, Exchange, Headers, Snapshot
from proxy.exporters import _views

# Characters that YAML 1.1 takes for line breaks, or for none of its own.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_ENCODED = frozenset((b"content-encoding", b"transfer-encoding"))


def export(snapshot: Snapshot) -> Iterator[bytes]:
    """The cassette, an interaction at a time."""
    answered = [one for one, _ in _views.calls(snapshot) if _has_a_place(one)]
    yield b"interactions:\n" if answered else b"interactions: []\n"
    for exchange in answered:
        yield "".join(_interaction(exchange)).encode()
    yield b"version: 1\n"


def _has_a_place(exchange: Exchange) -> bool:
    whole = exchange.end in (End.COMPLETE, End.REFUSED)
    return whole and exchange.response is not None and not exchange.frames


def _interaction(exchange: Exchange) -> Iterator[str]:
    head, response = exchange.request, exchange.response
    if response is None:
        return
    sent, got = _views.request_body(exchange), _views.response_body(exchange)
    yield f"- request:\n    body: {_body(sent) or 'null'}\n"
    yield from _headers(head.headers, len(sent))
    yield f"    method: {_quoted(head.method)}\n    uri: {_quoted(head.url)}\n"
    yield f"  response:\n    body:\n      string: {_body(got) or '""'}\n"
    yield from _headers(response.headers, len(got))
    yield f"    status:\n      code: {response.status}\n      message: {_quoted(response.reason)}\n"


def _headers(headers: Headers, size: int) -> Iterator[str]:
    """Names once, each with all of its values; the length is that of the decoded body."""
    found: dict[bytes, tuple[str, list[str]]] = {}
    for raw, value in headers:
        name = raw.lower()
        if name not in _ENCODED:
            text = str(size) if name == b"content-length" else value.decode("latin-1")
            found.setdefault(name, (raw.decode("latin-1"), []))[1].append(text)
    yield "    headers:\n" if found else "    headers: {}\n"
    for shown, values in found.values():
        yield f"      {_quoted(shown)}:\n"
        yield from (f"      - {_quoted(text)}\n" for text in values)


def _body(data: bytes) -> str:
    if not data:
        return ""
    try:
        return _quoted(data.decode())
    except UnicodeDecodeError:
        return f"!!binary {_quoted(b64encode(data).decode())}"


def _quoted(text: str) -> str:
    quoted = orjson.dumps(text).decode()
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
