"""Tapes of Braintrust's kind (JSON): `entries` with a `matchKey` and a `callIndex`.

Bodies have a kind: json, text, base64, or sse, whose events are the pieces of the answer. A body in
a file of its own is not looked for.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from proxy.core.model import Body, Exchange, Part, Snapshot
from proxy.errors import RecordingFormatError
from proxy.importers import _making, _stubs
from proxy.importers._making import Notes
from proxy.importers._stubs import Stub, obj, objects

_EMPTY = re.compile(rb'\{\s*"entries"\s*:\s*\[\s*\]')  # nothing was called
_TYPES = {"json": b"application/json", "sse": b"text/event-stream", "text": b"text/plain"}


def recognises(head: bytes, name: str) -> bool:  # noqa: ARG001 - the contract's
    """A JSON object with entries that have a key to match by."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"{"):
        return False
    return (b'"entries"' in start and b'"matchKey"' in start) or _EMPTY.match(start) is not None


def load(file: BinaryIO, name: str) -> list[Snapshot]:
    """One run, its calls by the time they were recorded, then in the order of the file."""
    data = _making.read_all(file)
    entries = obj(_stubs.json_of(data)).get("entries")
    if not isinstance(entries, list):
        raise RecordingFormatError("no tape: there is no list of entries")
    notes = Notes()
    found = sorted(_exchanges(objects(entries), notes), key=lambda one: one.started_at)
    return [_making.snapshot("braintrust", name, data, found, notes)]


def _exchanges(entries: list[dict[str, Any]], notes: Notes) -> Iterator[Exchange]:
    for entry in entries:
        request, response = obj(entry.get("request")), obj(entry.get("response"))
        sent, got = obj(request.get("body")), obj(response.get("body"))
        stub = Stub(str(request.get("method") or "GET"), str(request.get("url") or ""))
        stub.asked = _typed(_stubs.headers(request.get("headers")), sent)
        stub.sent = b"".join(_pieces(sent, notes))
        status = response.get("status")
        stub.status = status if isinstance(status, int) else 0
        stub.reason = str(response.get("statusText") or "")
        stub.headers = _typed(_stubs.headers(response.get("headers")), got)
        pieces = _pieces(got, notes)
        stub.body = b"".join(pieces)
        made = _stubs.exchange(stub, notes)
        if made is None:
            continue
        made.started_at = _time(entry.get("recordedAt"))
        if not made.started_at:
            notes.add("the time of a call is not known")
        sizes = [len(piece) for piece in pieces if piece]
        made.response_body = Body(stub.body, tuple(Part(0, size) for size in sizes))
        yield made


def _typed(headers: Any, body: dict[str, Any]) -> Any:
    """The headers, with the type that the body's kind says where they have none."""
    kind = _TYPES.get(str(body.get("kind")))
    if kind is None or any(name.lower() == b"content-type" for name, _ in headers):
        return headers
    return (*headers, (b"content-type", kind))


def _pieces(body: dict[str, Any], notes: Notes) -> list[bytes]:
    kind, value = body.get("kind"), body.get("value")
    if kind == "json":
        return [orjson.dumps(value)]
    if kind == "sse":
        chunks = body.get("chunks")
        texts = [one for one in chunks if isinstance(one, str)] if isinstance(chunks, list) else []
        return [f"{one}\n\n".encode("utf-8", "replace") for one in texts]
    if kind == "text" and isinstance(value, str):
        return [value.encode("utf-8", "replace")]
    if kind == "base64":
        return [_making.base64(value, notes)]
    if kind not in (None, "empty", "none"):
        notes.add("a body is in a file of its own, or of a kind that is not known here")
    return []


def _time(value: object) -> float:
    try:
        when = datetime.fromisoformat(str(value))
        return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0.0
