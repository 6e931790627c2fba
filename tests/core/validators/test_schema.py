"""A payload against a schema: verdicts, bounds, and nothing fetched."""

import json
import socket
import threading
import time
from typing import Any

import pytest

from proxy.core.validators import _schema
from proxy.core.validators._cost import Weights
from proxy.core.validators._keywords import DRAFTS
from proxy.core.validators._schema import Findings, check
from tests.core.validators.keywords import cases

CASES = cases()
BOUND = 10.0  # seconds, for what would otherwise take days; a slow machine takes one


@pytest.mark.parametrize(("schema", "good", "bad"), CASES.values(), ids=CASES)
def test_a_verdict_is_the_same_by_both_engines(
    schema: dict[str, Any], good: Any, bad: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = DRAFTS[schema["$schema"].rstrip("#")]
    compiled = _schema._compile(json.dumps(schema).encode())
    assert compiled.fast is not None
    for payload, fits in ((good, True), (bad, False)):
        assert draft(schema).is_valid(payload) is fits, "jsonschema as it comes"
        assert compiled.fast.is_valid(payload) is fits, "jsonschema-rs"
        found = check(schema, payload)
        assert found.unchecked is None
        assert (not found.errors) is fits
    if "unevaluatedProperties" in schema and "patternProperties" in schema:
        return  # for these the fast engine's word is the only one
    monkeypatch.setattr(_schema, "_fits", lambda *_: None)
    assert check(schema, good) == Findings(), "jsonschema, bounded"
    assert check(schema, bad).errors, "jsonschema, bounded"


NEWEST = {name: case for name, case in CASES.items() if "2020-12" in case[0]["$schema"]}


@pytest.mark.parametrize(("schema", "good", "bad"), NEWEST.values(), ids=NEWEST)
def test_what_the_fast_engine_clears_is_not_gone_through_and_nothing_is_lost(
    schema: dict[str, Any], good: Any, bad: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = {key: value for key, value in schema.items() if key != "$schema"}
    if "$ref" in json.dumps(inner) or "$id" in json.dumps(inner):
        inner = {"type": "object"}  # what it refers to would be elsewhere
        good, bad = {}, []
    outer = {
        "$schema": schema["$schema"],
        "properties": {"good": inner, "bad": {"items": inner, "type": "array"}},
        "not": {"properties": {"good": {"not": inner}}, "required": ["good"]},
    }
    payload = {"good": good, "bad": [bad, good, {"deep": [bad]}], "other": [[bad]]}

    def told() -> list[tuple[str, str, str]]:
        found = check(outer, payload)
        assert found.unchecked is None
        return sorted((one.json_path, str(one.validator), one.message) for one in found.errors)

    narrowed = told()
    monkeypatch.setattr(_schema, "_suspects", lambda *_: None)
    assert narrowed == told() != []


def test_a_draft_that_only_one_engine_knows() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-03/schema#",
        "properties": {"a": {"type": "string", "required": True}},
    }
    assert check(schema, {"a": "x"}) == Findings()
    assert len(check(schema, {}).errors) == 1


def test_an_unknown_draft_is_the_latest() -> None:
    schema = {"$schema": "https://example.com/own", "prefixItems": [{"type": "string"}]}
    assert check(schema, [1]).errors


@pytest.fixture
def asked() -> Any:
    """A server on the loopback that counts who connects."""
    listener = socket.create_server(("127.0.0.1", 0))
    hits: list[int] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            hits.append(1)
            client.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1], hits
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_no_reference_is_ever_fetched(asked: tuple[int, list[int]]) -> None:
    port, hits = asked
    url = f"http://127.0.0.1:{port}/schema.json"
    for schema in (
        {"$ref": url},
        {"properties": {"a": {"$ref": url}}},
        {"$schema": url, "type": "string"},
        {"$id": url, "properties": {"a": {"$ref": "other.json"}}},
        {"$dynamicRef": url},
        {"properties": {"a": {"$schema": url, "type": "null"}}},
    ):
        check(schema, {"a": 1})
    assert hits == []
    socket.create_connection(("127.0.0.1", port)).close()
    deadline = time.monotonic() + 10
    while not hits and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert hits == [1], "the server does count"


def test_what_can_be_checked_beside_a_foreign_reference_is() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"$ref": "http://127.0.0.1:9/x"}}}
    found = check(schema, {"a": 1, "b": 2})
    assert [list(error.path) for error in found.errors] == [["a"]]
    assert found.unchecked is not None
    assert "127.0.0.1:9" in found.unchecked


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"required": "name"},
        {"properties": {"a": {"type": "string", "required": True}}},
        {"minimum": "3"},
        {"properties": []},
    ],
)
def test_a_schema_that_is_none_accuses_nobody(schema: dict[str, Any]) -> None:
    found = check(schema, {"a": 1})
    assert found.errors == ()
    assert found.unchecked == "the schema is not valid JSON Schema"


def bomb(levels: int = 60) -> dict[str, Any]:
    """Each definition is twice the one below it."""
    made: dict[str, Any] = {"a0": {"type": "string"}}
    for level in range(1, levels):
        below = {"$ref": f"#/$defs/a{level - 1}"}
        made[f"a{level}"] = {"allOf": [below, below]}
    return {"$defs": made, "$ref": f"#/$defs/a{levels - 1}"}


def nest(levels: int) -> Any:
    made: Any = 1
    for _ in range(levels):
        made = [made]
    return made


TWICE = {"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}, {"type": "string"}]}
HOSTILE: dict[str, tuple[dict[str, Any], Any]] = {
    "a bomb of references": (bomb(), 1),
    "a bomb that fits": (bomb(), "x"),
    "a schema that is itself": ({"$ref": "#"}, 1),
    "a ring": ({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}, 1),
    "two ways at every level": ({**TWICE, "not": {"type": "number"}}, nest(150)),
    "catastrophic pattern": ({"pattern": "^(a+)+$"}, "a" * 50_000 + "!"),
    "catastrophic pattern with a lookahead": ({"pattern": "^(a|aa)+(?!x)$"}, "a" * 5_000 + "!"),
    "back references": ({"pattern": "^(.*)(.*)(.*)\\1\\2\\3!$"}, "ab" * 2_000),
    "catastrophic name": ({"patternProperties": {"^(a|a)*$": False}}, {"a" * 100 + "!": 1}),
    "catastrophic unevaluated": (
        {"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False},
        {"a" * 100 + "!": 1},
    ),
    "a huge pattern": ({"pattern": "(a{1000}){1000}"}, "a"),
    "many wrong items": ({"items": {"type": "string"}}, list(range(150_000))),
    "many items, unlike": ({"uniqueItems": True, "minItems": 10**9}, [[i] for i in range(20_000)]),
    "a long text": ({"not": {"type": "string"}}, "x" * 50_000_000),
    "a long text in every message": ({"allOf": [{"type": "null"}] * 5_000}, ["x" * 1_000_000]),
    "a large choice": ({"enum": list(range(100_000))}, "x"),
    "deep": ({"items": {"$ref": "#"}, "maxItems": 1}, nest(180)),
    "deeper than anything": ({"type": "object"}, nest(100_000)),
    "huge numbers": ({"multipleOf": 1e-300}, 10**300),
    "not finite": ({"multipleOf": 0.1}, float("inf")),
}


@pytest.mark.parametrize(("schema", "payload"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_schemas_and_payloads_cost_bounded_time(
    schema: dict[str, Any], payload: Any
) -> None:
    began = time.perf_counter()
    check(schema, payload)
    assert time.perf_counter() - began < BOUND


def test_the_first_errors_of_very_many_are_told() -> None:
    found = check({"items": {"type": "string"}}, list(range(10_000)))
    assert len(found.errors) == 100
    assert found.unchecked == "only the first 100 errors are told"


def test_a_payload_beyond_all_measure_is_not_looked_at() -> None:
    assert check({"type": "string"}, list(range(300_000))).unchecked is not None


def test_a_whole_float_is_an_integer_since_draft_6() -> None:
    for draft in DRAFTS:
        found = check({"$schema": draft, "type": "integer"}, 3.0)
        assert bool(found.errors) is ("draft-03" in draft or "draft-04" in draft)


def test_weights() -> None:
    inner = ["abc", 1]
    weights = Weights({"key": inner})
    assert weights.of(inner) == 3 + 1 + 2
    assert weights.total == 3 + 6 + 2
    assert weights.nodes == 4
