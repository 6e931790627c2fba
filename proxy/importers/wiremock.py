"""WireMock stub mappings (JSON): one mapping, or a file with `mappings`.

A mapping that matches by a pattern is no one request and is left out, with a note. Mappings name a
host only if they ask for one; else it is taken for the address that WireMock itself listens on.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from proxy.core.model import End, Exchange, Headers, Snapshot
from proxy.errors import RecordingFormatError
from proxy.importers import _making, _stubs
from proxy.importers._making import Notes
from proxy.importers._stubs import Stub, obj, objects

_BASE: Final = "http://localhost:8080"
_LOOKS: Final = re.compile(rb'"(?:url|urlPath|urlPattern|urlPathPattern|urlPathTemplate)"\s*:')
_FIRST: Final = re.compile(
    rb'\{\s*"(?:mappings|id|uuid|name|request|response|priority|scenarioName|persistent|metadata)"'
)
_REQUEST: Final = re.compile(rb'"request"\s*:\s*\{')
_FAULTS: Final[Mapping[str, End]] = {
    "EMPTY_RESPONSE": End.UPSTREAM_TRUNCATED,
    "CONNECTION_RESET_BY_PEER": End.UPSTREAM_RESET,
    "MALFORMED_RESPONSE_CHUNK": End.UPSTREAM_INVALID,
    "RANDOM_DATA_THEN_CLOSE": End.UPSTREAM_INVALID,
}


def recognises(head: bytes, name: str) -> bool:  # noqa: ARG001 - the contract's
    """A JSON object with mappings, or with a request that has one of WireMock's kinds of URL."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _FIRST.match(start) is None or _REQUEST.search(start) is None:
        return False
    return b'"mappings"' in start[:200] or _LOOKS.search(start) is not None


def load(file: BinaryIO, name: str) -> list[Snapshot]:
    """One run, its calls in the order of the mappings."""
    data = _making.read_all(file)
    tree = obj(_stubs.json_of(data))
    mappings = tree.get("mappings", [tree] if "request" in tree else None)
    if not isinstance(mappings, list):
        raise RecordingFormatError("no WireMock mappings: there is no list of them")
    notes = Notes()
    notes.add("mappings do not say when calls were made")
    found = list(_exchanges(objects(mappings), notes))
    return [_making.snapshot("wiremock", name, data, found, notes)]


def _exchanges(mappings: list[dict[str, Any]], notes: Notes) -> Iterator[Exchange]:
    for mapping in mappings:
        request, response = obj(mapping.get("request")), obj(mapping.get("response"))
        url = _url(request, notes)
        if url is None:
            notes.add("a mapping matches by a pattern, and is no one request")
            continue
        method = str(request.get("method") or "GET").upper()
        if method == "ANY":
            notes.add("a mapping is for any method, and is taken for GET")
            method = "GET"
        stub = Stub(method, url, _sent(request, notes), _asked(request))
        _answer(stub, response, notes)
        if (made := _stubs.exchange(stub, notes)) is not None:
            yield made


def _url(request: dict[str, Any], notes: Notes) -> str | None:
    host = obj(request.get("host")).get("equalTo")
    base = _BASE
    if isinstance(host, str):
        scheme, port = request.get("scheme"), request.get("port")
        base = f"{scheme if isinstance(scheme, str) else 'http'}://{host}"
        base += f":{port}" if isinstance(port, int | str) and str(port).isdecimal() else ""
    else:
        notes.add(f"a mapping names no host, and is taken for {_BASE}")
    if isinstance(url := request.get("url"), str):
        return url if "://" in url else f"{base}{url if url.startswith('/') else f'/{url}'}"
    path = request.get("urlPath")
    if not isinstance(path, str):
        return None
    query: dict[str, list[str]] = {}
    for name, wanted in obj(request.get("queryParameters")).items():
        value = obj(wanted).get("equalTo")
        if not isinstance(value, str):
            return None
        query[name] = [value]
    return _stubs.url_of(base, path, query)


def _asked(request: dict[str, Any]) -> Headers:
    wanted = {
        name: obj(value).get("equalTo") for name, value in obj(request.get("headers")).items()
    }
    return _stubs.headers({name: value for name, value in wanted.items() if value is not None})


def _sent(request: dict[str, Any], notes: Notes) -> bytes:
    for pattern in objects(request.get("bodyPatterns")):
        if "equalToJson" in pattern:
            return _stubs.as_json(pattern["equalToJson"])
        if isinstance(text := pattern.get("equalTo"), str):
            return text.encode("utf-8", "replace")
        if "binaryEqualTo" in pattern:
            return _making.base64(pattern["binaryEqualTo"], notes)
        notes.add("the body of a request is a pattern, and is not in the file")
    return b""


def _answer(stub: Stub, response: dict[str, Any], notes: Notes) -> None:
    status = response.get("status", 200)
    stub.status = status if isinstance(status, int) else 0
    stub.reason = str(response.get("statusMessage") or "")
    stub.headers = _stubs.headers(response.get("headers"))
    stub.delay_us = _making.micros(response.get("fixedDelayMilliseconds"))
    stub.fault = _FAULTS.get(str(response.get("fault")))
    if isinstance(text := response.get("body"), str):
        stub.body = text.encode("utf-8", "replace")
    elif "jsonBody" in response:
        stub.body = _stubs.as_json(response["jsonBody"])
    elif "base64Body" in response:
        stub.body = _making.base64(response["base64Body"], notes)
    elif "bodyFileName" in response:
        notes.add("the body of an answer is in a file of its own")
    if "response-template" in str(response.get("transformers")):
        notes.add("an answer is a template, and stays one")
    if "proxyBaseUrl" in response:
        notes.add("a mapping passes calls on, and has no answer")
        stub.status = 0
