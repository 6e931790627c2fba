import base64
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from proxy.core import records
from proxy.core.matching import IgnoreRule
from proxy.core.model import Body, Event, Exchange, Part, RequestHead
from tests.core.recorded import bodies, exchange, exchanges


def again(written: Any) -> Any:
    return orjson.loads(orjson.dumps(written))


def body_of(written: dict[str, Any]) -> Body:
    head = again(records.write(records.EXCHANGE, exchange()))
    read = records.read(records.EXCHANGE, head | {"request_body": written})
    assert isinstance(read, Exchange)
    return read.request_body


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(exchanges())
def test_exchanges_survive(one: Exchange) -> None:
    try:
        written = again(records.write(records.EXCHANGE, one))
    except TypeError:
        return  # integers beyond 64 bits: the recording wraps such lines
    assert records.read(records.EXCHANGE, written) == one


@settings(max_examples=25, deadline=None)
@given(bodies())
def test_bodies_survive_in_the_most_readable_form(body: Body) -> None:
    one = exchange(request_body=body)
    written = again(records.write(records.EXCHANGE, one)).get("request_body", {})
    assert body_of(written) == body
    if body.data:
        assert len({"json", "text", "base64"} & written.keys()) == 1
        if "base64" in written:
            with pytest.raises(UnicodeDecodeError):
                body.data.decode()


def test_defaults_are_left_out() -> None:
    event = Event("r1", "http", "x", 1.0)
    assert records.write(records.EVENT, event) == {
        "run_id": "r1",
        "kind": "http",
        "name": "x",
        "started_at": 1.0,
    }
    assert records.read(records.EVENT, records.write(records.EVENT, event)) == event


def test_every_field_of_every_class_is_in_its_table() -> None:
    import dataclasses

    for record in (records.EXCHANGE, records.EVENT, records.OUTCOME, records.RUN, records.IGNORE):
        declared = {field.name for field in dataclasses.fields(record.make)}
        assert {field.name for field in record.fields} == declared
    for kind in (RequestHead,):
        assert {field.name for field in dataclasses.fields(kind)} == {
            *("method", "scheme", "host", "port", "target", "http_version", "headers")
        }


def test_values_may_be_given_from_outside() -> None:
    written = {"kind": "http", "name": "x", "started_at": 1}
    assert records.read(records.EVENT, written, run_id="r9") == Event("r9", "http", "x", 1.0)
    with pytest.raises(ValueError, match="run_id is missing"):
        records.read(records.EVENT, written)


def test_bodies_by_hand() -> None:
    assert body_of({}) == Body()
    assert body_of({"text": "é"}).data == "é".encode()
    assert body_of({"json": {"b": 1, "a": 2}}).data == b'{"b":1,"a":2}'
    assert body_of({"base64": base64.b64encode(b"\xff").decode()}).data == b"\xff"
    assert body_of({"text": "ab", "parts": [[1, 1], [2, 1]]}).parts == (Part(1, 1), Part(2, 1))
    assert body_of({"bytes": 99, "json": [1]}).data == b"[1]"


def test_user_data_is_sorted_all_the_way_down() -> None:
    event = Event("r1", "http", "x", 1.0, data={"b": [{"d": 1, "c": 2}], "a": ()})
    assert (
        orjson.dumps(records.write(records.EVENT, event)["data"]) == b'{"a":[],"b":[{"c":2,"d":1}]}'
    )


def test_rules() -> None:
    rule = IgnoreRule("json", "$.a", "x*")
    assert records.read(records.IGNORE, records.write(records.IGNORE, rule)) == rule
    with pytest.raises(ValueError, match="step: text expected"):
        records.read(records.IGNORE, {"target": "json", "pattern": "$.a", "step": None})
