from dataclasses import replace

import orjson
import pytest

from proxy.core.wire import decode_call, qdrant
from tests.conformance.wire_samples import sample

FORMAT = qdrant.FORMAT
ONE = sample("qdrant/search")

MINE = [
    ("/collections/kb/points/search", True),
    ("/collections/kb/points/query/groups", True),
    ("/collections/kb/points/recommend/batch", True),
    ("/collections/kb/points/scroll", True),
    ("/collections/kb/points", False),
    ("/collections/kb/points/count", False),
    ("/collections/kb/points/payload", False),
]


@pytest.mark.parametrize(("target", "mine"), MINE)
def test_recognition(target: str, mine: bool) -> None:
    assert FORMAT.recognises(replace(ONE.exchange.request, target=target), b"{}") is mine


SHAPES = [
    ({"points": [{"id": 1}, {"id": 2}], "next_page_offset": 3}, ["1", "2"]),
    ({"groups": [{"id": "g", "hits": [{"id": 1}]}, {"id": "h", "hits": []}]}, ["1"]),
    ([{"points": [{"id": 1}]}, {"points": [{"id": 2}]}], ["1", "2"]),
    ([[{"id": 1}], [{"id": 2}]], ["1", "2"]),
    ([[[[[]]]], None, 3, "x", {}], []),
    (None, []),
]


@pytest.mark.parametrize(("result", "ids"), SHAPES)
def test_shapes_of_results(result: object, ids: list[str]) -> None:
    response = orjson.dumps({"result": result, "status": "ok"})
    found = decode_call(ONE.with_response(response), ONE.request, response).retrieval
    assert found is not None
    assert [one.id for one in found.documents] == ids
    assert found.filter == {"must": [{"key": "lang", "match": {"value": "en"}}]}


def test_our_error_is_read_as_theirs() -> None:
    body = FORMAT.error_body(424, "no such call", type_="replay-miss")
    assert FORMAT.complaint(orjson.loads(body)) == "no such call"
