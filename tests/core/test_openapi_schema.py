from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy.core.openapi_schema import to_json_schema

CASES: list[tuple[Any, Any]] = [
    ({"type": "STRING"}, {"type": "string"}),
    ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
    ({"type": "STRING", "nullable": False}, {"type": "string"}),
    ({"nullable": True}, {}),
    (
        {"type": "OBJECT", "properties": {"type": {"type": "ARRAY", "items": {"type": "NUMBER"}}}},
        {
            "type": "object",
            "properties": {"type": {"type": "array", "items": {"type": "number"}}},
        },
    ),
    (
        {"any_of": [{"type": "NULL"}, {"type": "INTEGER"}]},
        {"anyOf": [{"type": "null"}, {"type": "integer"}]},
    ),
    (
        {"maxItems": "3", "minItems": 1, "maxLength": "x"},
        {"maxItems": 3, "minItems": 1, "maxLength": "x"},
    ),
    ({"enum": ["A"], "propertyOrdering": ["a"], "example": 1}, {"enum": ["A"]}),
    ({"additionalProperties": False}, {"additionalProperties": False}),
    ({"additionalProperties": {"type": "STRING"}}, {"additionalProperties": {"type": "string"}}),
    ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
    (
        {"properties": {"a": 1}, "items": 7, "anyOf": 7},
        {"properties": {"a": {}}, "items": 7, "anyOf": []},
    ),
    (None, None),
    ("x", None),
]


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_words(given: Any, expected: Any) -> None:
    assert to_json_schema(given) == expected


def test_the_result_is_a_valid_schema() -> None:
    given = {
        "type": "OBJECT",
        "properties": {"n": {"type": "INTEGER", "nullable": True, "minimum": 1}},
        "required": ["n"],
        "propertyOrdering": ["n"],
    }
    schema = to_json_schema(given)
    assert schema is not None
    Draft202012Validator.check_schema(dict(schema))
    validator = Draft202012Validator(dict(schema))
    assert validator.is_valid({"n": None})
    assert not validator.is_valid({"n": "x"})


def test_depth_is_bounded() -> None:
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(500):
        schema = {"items": schema}
    found: Any = to_json_schema(schema)
    depth = 0
    while "items" in found:
        found = found["items"]
        depth += 1
    assert depth < 150
