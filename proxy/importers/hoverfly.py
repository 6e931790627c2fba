"""Hoverfly simulations (JSON, schema versions 1 to 5).

A pair whose method, host or path is a pattern is no one request and is left out, with a note.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from proxy.core.model import Exchange, Snapshot
from proxy.errors import RecordingFormatError
from proxy.importers import _making, _stubs
from proxy.importers._making import Notes
from proxy.importers._stubs import Stub, obj, objects

_EXACT: Final = ("exact", "json", "jsonPartial", "xml", "form", "array")


def recognises(head: bytes, name: str) -> bool:  # noqa: ARG001 - the contract's
    """A JSON object with pairs in its data."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"{") and b'"data"' in start and b'"pairs"' in start[:4000]


def load(file: BinaryIO, name: str) -> list[Snapshot]:
    """One run, its calls in the order of the pairs."""
    data = _making.read_all(file)
    pairs = obj(obj(_stubs.json_of(data)).get("data")).get("pairs")
    if not isinstance(pairs, list):
        raise RecordingFormatError("no Hoverfly simulation: data.pairs is missing")
    notes = Notes()
    notes.add("simulations do not say when calls were made")
    found = list(_exchanges(objects(pairs), notes))
    return [_making.snapshot("hoverfly", name, data, found, notes)]


def _exchanges(pairs: list[dict[str, Any]], notes: Notes) -> Iterator[Exchange]:
    for pair in pairs:
        request, response = obj(pair.get("request")), obj(pair.get("response"))
        known = {key: _exact(request.get(key)) for key in ("destination", "path", "method")}
        if (
            any(request.get(key) and known[key] is None for key in known)
            or not known["destination"]
        ):
            notes.add("a pair matches by a pattern, and is no one request")
            continue
        base = f"{_exact(request.get('scheme')) or 'http'}://{known['destination']}"
        url = _stubs.url_of(base, known["path"] or "/", {})
        if asked := _query(request.get("query")):
            url += f"?{asked}"
        sent = _exact(request.get("body"))
        if sent is None and request.get("body"):
            notes.add("the body of a request is a pattern, and is not in the file")
        stub = Stub(known["method"] or "GET", url, (sent or "").encode("utf-8", "replace"))
        stub.asked = _stubs.headers(_values(request.get("headers")))
        _answer(stub, response, notes)
        if (made := _stubs.exchange(stub, notes)) is not None:
            yield made


def _exact(value: object) -> str | None:
    """What a field must be: a text, `{"exactMatch": …}`, or one exact matcher; None otherwise."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        found = value.get("exactMatch", value.get("jsonMatch"))
        return found if isinstance(found, str) else None
    matchers = objects(value)
    if len(matchers) != 1 or matchers[0].get("matcher") not in _EXACT:
        return None
    return _text(matchers[0].get("value"))


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return None if value is None else _stubs.as_json(value).decode()


def _query(value: object) -> str:
    """The query string, from one or from matchers by name."""
    if (whole := _exact(value)) is not None:
        return whole
    found = _values(value)
    return _stubs.url_of("", "", found).partition("?")[2]


def _values(value: object) -> dict[str, list[str]]:
    """Exact values by name."""
    found: dict[str, list[str]] = {}
    for name, wanted in obj(value).items():
        listed = wanted if isinstance(wanted, list) else [wanted]
        if listed and all(isinstance(one, str) for one in listed):
            found[str(name)] = listed
        elif (exact := _exact(wanted)) is not None:
            found[str(name)] = [exact]
    return found


def _answer(stub: Stub, response: dict[str, Any], notes: Notes) -> None:
    status = response.get("status", 200)
    stub.status = status if isinstance(status, int) else 0
    stub.headers = _stubs.headers(response.get("headers"))
    stub.delay_us = _making.micros(response.get("fixedDelay"))
    body = response.get("body")
    if response.get("encodedBody") is True:
        stub.body = _making.base64(body or "", notes)
    elif isinstance(body, str):
        stub.body = body.encode("utf-8", "replace")
    if response.get("bodyFile") and not body:
        notes.add("the body of an answer is in a file of its own")
    if response.get("templated") is True:
        notes.add("an answer is a template, and stays one")
