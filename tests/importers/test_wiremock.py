from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.model import End, Snapshot
from proxy.importers import load as load_any
from proxy.importers import wiremock
from tests.importers.hostile import refused, spoiled, survives

MAPPINGS: dict[str, Any] = {
    "mappings": [
        {
            "request": {
                "method": "POST",
                "url": "/v1/x?a=1",
                "headers": {"Accept": {"equalTo": "text/csv"}, "X": {"matches": ".*"}},
                "bodyPatterns": [{"equalToJson": '{"q": 1}', "ignoreArrayOrder": True}],
            },
            "response": {
                "status": 201,
                "statusMessage": "Made",
                "jsonBody": {"id": 7},
                "headers": {"Content-Type": "application/json", "Set-Cookie": ["a=1", "b=2"]},
                "fixedDelayMilliseconds": 250,
            },
        },
        {
            "request": {
                "method": "ANY",
                "urlPath": "/search",
                "queryParameters": {"q": {"equalTo": "a b"}},
                "host": {"equalTo": "kb.acme.test"},
                "scheme": "https",
            },
            "response": {"base64Body": "AP8="},
        },
        {"request": {"method": "GET", "url": "/bad"}, "response": {"fault": "EMPTY_RESPONSE"}},
        {"request": {"method": "GET", "urlPattern": "/a/.*"}, "response": {"body": "x"}},
        {"request": {"method": "GET", "url": "/file"}, "response": {"bodyFileName": "x.json"}},
    ]
}


def load(tree: Any) -> Snapshot:
    (run,) = wiremock.load(BytesIO(orjson.dumps(tree)), "stubs.json")
    return run


def test_mappings_are_calls() -> None:
    run = load(MAPPINGS)
    first, second, third, fourth = run.exchanges
    assert (first.request.method, first.request.url) == ("POST", "http://localhost:8080/v1/x?a=1")
    assert (b"Accept", b"text/csv") in first.request.headers
    assert first.request_body.data == b'{"q": 1}'
    assert first.response is not None
    assert (first.response.status, first.response.reason) == (201, "Made")
    assert first.response_body.data == b'{"id":7}'
    assert [value for name, value in first.response.headers if name == b"Set-Cookie"] == [
        b"a=1",
        b"b=2",
    ]
    assert first.first_byte_us == 250_000
    assert (second.request.method, second.request.url) == (
        "GET",
        "https://kb.acme.test/search?q=a+b",
    )
    assert second.response_body.data == b"\x00\xff"
    assert (third.end, third.response) == (End.UPSTREAM_TRUNCATED, None)
    assert fourth.response_body.data == b""
    notes = " ".join(run.run.metadata["importNotes"])
    for told in ("by a pattern", "names no host", "any method", "a file of its own", "when calls"):
        assert told in notes


def test_one_mapping_alone_and_the_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps(MAPPINGS["mappings"][0]))
    (run,) = load_any(path)
    assert run.run.metadata["importedFrom"] == "wiremock"
    assert len(run.exchanges) == 1


@pytest.mark.parametrize(
    ("data", "said"), [(b"{", "line 1: not JSON"), (b"[]", "no list"), (b'{"mappings": 1}', "list")]
)
def test_what_is_no_mapping(data: bytes, said: str) -> None:
    refused(wiremock.load, data, said)


@given(spoiled(MAPPINGS) | st.binary(max_size=60))
def test_nothing_crashes_it(data: bytes) -> None:
    survives(wiremock.load, data)
