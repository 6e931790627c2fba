from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.model import Snapshot
from proxy.importers import hoverfly
from proxy.importers import load as load_any
from tests.importers.hostile import refused, spoiled, survives


def exact(value: Any) -> list[dict[str, Any]]:
    return [{"matcher": "exact", "value": value}]


SIMULATION: dict[str, Any] = {
    "data": {
        "pairs": [
            {
                "request": {
                    "method": exact("POST"),
                    "scheme": exact("https"),
                    "destination": exact("api.acme.test:8443"),
                    "path": exact("/v1/x"),
                    "query": {"a": exact("1 2"), "b": exact("c")},
                    "headers": {"Accept": exact("text/csv")},
                    "body": [{"matcher": "json", "value": '{"q": 1}'}],
                },
                "response": {
                    "status": 200,
                    "body": "AP8=",
                    "encodedBody": True,
                    "headers": {"Content-Type": ["application/x"]},
                    "fixedDelay": 30,
                },
            },
            {
                "request": {
                    "method": {"exactMatch": "GET"},
                    "destination": {"exactMatch": "old.test"},
                    "path": {"exactMatch": "/"},
                    "query": {"exactMatch": "z=1"},
                },
                "response": {"status": 404, "body": "no", "templated": True},
            },
            {
                "request": {"destination": [{"matcher": "glob", "value": "*.test"}]},
                "response": {"status": 200, "body": "x"},
            },
        ]
    },
    "meta": {"schemaVersion": "v5.1"},
}


def test_pairs_are_calls() -> None:
    run: Snapshot
    (run,) = hoverfly.load(BytesIO(orjson.dumps(SIMULATION)), "s.json")
    first, second = run.exchanges
    assert first.request.url == "https://api.acme.test:8443/v1/x?a=1+2&b=c"
    assert first.request.method == "POST"
    assert (b"Accept", b"text/csv") in first.request.headers
    assert first.request_body.data == b'{"q": 1}'
    assert first.response_body.data == b"\x00\xff"
    assert first.first_byte_us == 30_000
    assert second.request.url == "http://old.test/?z=1"
    assert second.response is not None
    assert second.response.status == 404
    notes = " ".join(run.run.metadata["importNotes"])
    assert "by a pattern" in notes
    assert "template" in notes


def test_the_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps(SIMULATION))
    (run,) = load_any(path)
    assert run.run.metadata["importedFrom"] == "hoverfly"


@pytest.mark.parametrize("data", [b"[]", b'{"data": 1}', b'{"data": {"pairs": {}}}'])
def test_what_is_no_simulation(data: bytes) -> None:
    refused(hoverfly.load, data, "data.pairs is missing")


@given(spoiled(SIMULATION) | st.binary(max_size=60))
def test_nothing_crashes_it(data: bytes) -> None:
    survives(hoverfly.load, data)
