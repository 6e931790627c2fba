"""Stubs of mock servers as calls: what one of them needs to have one certain request and answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson

from proxy.core.model import End, Exchange, Headers
from proxy.errors import RecordingFormatError
from proxy.importers import _making
from proxy.importers._making import Notes


@dataclass(slots=True)
class Stub:
    """A request and its answer. `fault` is how the answer fails; `delay_us` when it begins."""

    method: str
    url: str
    sent: bytes = b""
    asked: Headers = ()
    status: int = 200
    reason: str = ""
    body: bytes = b""
    headers: Headers = ()
    delay_us: int = 0
    fault: End | None = None
    notes: tuple[str, ...] = field(default=())


def exchange(stub: Stub, notes: Notes) -> Exchange | None:
    """The call of a stub; None, with a note, if it is none that goes over HTTP."""
    head = _making.request_head(stub.method, stub.url, stub.asked)
    if head is None:
        notes.add("a call does not go over HTTP")
        return None
    made = Exchange(
        id="",
        run_id="",
        seq=0,
        via="forward",
        started_at=0.0,
        request=_making.plain_request(head, stub.sent),
        request_body=_making.whole(stub.sent, 0),
        request_end_us=0,
        ended_us=stub.delay_us,
    )
    if stub.fault is not None:
        made.end, made.error = stub.fault, "a fault that a mock server was told to have"
        return made
    made.response = _making.response_head(stub.status, stub.reason, stub.headers, len(stub.body))
    if made.response is None:
        notes.add("a call has no answer")
        return None
    made.first_byte_us = stub.delay_us
    made.response_body = _making.whole(stub.body, stub.delay_us)
    return made


def json_of(data: bytes) -> Any:
    """A JSON file. Raises RecordingFormatError with the line."""
    try:
        return orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as why:
        raise RecordingFormatError(f"line {why.lineno}: not JSON: {why.msg}") from None


def url_of(base: str, path: str, query: Mapping[str, list[str]]) -> str:
    """A URL of its parts."""
    asked = urlencode([(name, value) for name, values in query.items() for value in values])
    return f"{base}{path if path.startswith('/') else f'/{path}'}{f'?{asked}' if asked else ''}"


def headers(value: object) -> Headers:
    """Headers by name, with a value or a list of them."""
    pairs: list[tuple[object, object]] = []
    for name, found in obj(value).items():
        pairs += [(name, str(one)) for one in (found if isinstance(found, list) else [found])]
    return _making.header_pairs(pairs)


def as_json(value: object) -> bytes:
    """A JSON value as a body; a text that is one already stays as it is."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else orjson.dumps(value)


def obj(value: object) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
