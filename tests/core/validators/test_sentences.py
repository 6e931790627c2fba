"""What violations say, keyword by keyword: (schema, payload, [(path, message)])."""

from typing import Any

import pytest

from proxy.core.validators._schema import check
from proxy.core.validators._sentences import violations

_RENAMED = "which looks like the same field renamed"
_WHOLE = "it should be a whole number, and is the text"
_CUSTOMER = {
    "type": "object",
    "properties": {"customerId": {"type": "string"}, "limit": {"type": "integer", "minimum": 1}},
    "required": ["customerId", "limit"],
    "additionalProperties": False,
}
_FORMS = {
    "anyOf": [
        {"type": "null"},
        {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    ]
}
CASES: dict[str, tuple[dict[str, Any], Any, list[tuple[str, str]]]] = {
    "renamed": (
        _CUSTOMER,
        {"customer_id": "c1", "limit": 0},
        [
            ("$.limit", "0 is less than 1"),
            (
                "$.customerId",
                f"`customerId` is missing; there is `customer_id` instead, {_RENAMED}",
            ),
            ("$.customer_id", "`customer_id` is not a field of the schema; `customerId` is"),
        ],
    ),
    "missing, and nothing like it": (
        {"required": ["customerId"]},
        {"name": "x"},
        [("$.customerId", "`customerId` is missing")],
    ),
    "every missing field": (
        {"required": ["a", "b"]},
        {},
        [("$.a", "`a` is missing"), ("$.b", "`b` is missing")],
    ),
    "type": (
        {"items": {"type": "integer"}},
        ["7", None, {}, [], True, 1.5],
        [
            ("$[0]", 'it should be a whole number, and is the text "7"'),
            ("$[1]", "it should be a whole number, and is null"),
            ("$[2]", "it should be a whole number, and is an object"),
            ("$[3]", "it should be a whole number, and is an array"),
            ("$[4]", "it should be a whole number, and is true"),
            ("$[5]", "it should be a whole number, and is the number 1.5"),
        ],
    ),
    "several types": (
        {"type": ["string", "null"]},
        1,
        [("$", "it should be a text or null, and is the number 1")],
    ),
    "enum": (
        {"properties": {"kind": {"enum": ["a", "b"]}}},
        {"kind": "c"},
        [("$.kind", 'it should be one of "a", "b", and is "c"')],
    ),
    "a long enum": (
        {"enum": list(range(20))},
        "x",
        [("$", 'it should be one of 0, 1, 2, 3, 4, 5, 6, 7 or 12 others, and is "x"')],
    ),
    "const": ({"const": 1}, 2, [("$", "it should be 1, and is 2")]),
    "the closest of several forms": (
        {"properties": {"u": _FORMS}},
        {"u": {"x": "1"}},
        [
            (
                "$.u",
                f'it fits none of the 2 allowed forms; closest: {_WHOLE} "1"',
            )
        ],
    ),
    "too many forms": (
        {"oneOf": [{}, {"type": "integer"}]},
        1,
        [("$", "it fits more than one of the 2 forms of which it must fit one")],
    ),
    "an odd name": (
        {"properties": {"a b": {"type": "null"}}},
        {"a b": 1},
        [("$['a b']", "it should be null, and is the number 1")],
    ),
    "maximum": ({"maximum": 5}, 6, [("$", "6 is more than 5")]),
    "exclusive": (
        {"exclusiveMaximum": 5, "exclusiveMinimum": 5},
        5,
        [("$", "5 is not less than 5"), ("$", "5 is not more than 5")],
    ),
    "multipleOf": ({"multipleOf": 5}, 6, [("$", "6 is not a multiple of 5")]),
    "minLength": ({"minLength": 3}, "ab", [("$", '"ab" is shorter than 3 characters')]),
    "maxLength": ({"maxLength": 1}, "ab", [("$", "it has 2 characters, more than 1")]),
    "pattern": ({"pattern": "^a"}, "b", [("$", '"b" does not match the pattern "^a"')]),
    "items": (
        {"minItems": 3, "uniqueItems": True},
        [1, 1],
        [("$", "it has 2 items, fewer than 3"), ("$", "an item is in it twice")],
    ),
    "maxItems": ({"maxItems": 1}, [1, 2], [("$", "it has 2 items, more than 1")]),
    "properties": (
        {"minProperties": 2, "maxProperties": 0},
        {"a": 1},
        [("$", "it has 1 fields, fewer than 2"), ("$", "it has 1 fields, more than 0")],
    ),
    "contains": (
        {"contains": {"type": "null"}},
        [1],
        [("$", "none of its items is of the kind that must be in it")],
    ),
    "not": ({"not": {"type": "null"}}, None, [("$", "it is of the form that is ruled out")]),
    "dependentRequired": (
        {"dependentRequired": {"card": ["cvc"]}},
        {"card": 1},
        [("$", "a field is missing that another one needs: 'cvc' is a dependency of 'card'")],
    ),
    "by two ways the same": (
        {"allOf": [{"type": "null"}, {"type": "null"}]},
        1,
        [("$", "it should be null, and is the number 1")],
    ),
}


@pytest.mark.parametrize(("schema", "payload", "said"), CASES.values(), ids=CASES)
def test_sentences(schema: dict[str, Any], payload: Any, said: list[tuple[str, str]]) -> None:
    found = violations(check(schema, payload), side="request", subject="crm.find")
    assert sorted((one.path, one.message) for one in found) == sorted(said)
    assert {(one.side, one.subject) for one in found} == {("request", "crm.find")}
    assert all(one.schema_path is not None for one in found)


def test_what_a_tolerant_reader_can_live_with_does_not_break() -> None:
    found = violations(check(_CUSTOMER, {"limit": 0, "x": 1}), side="request", subject=None)
    assert {one.keyword: one.breaking for one in found} == {
        "required": True,
        "minimum": False,
        "additionalProperties": False,
    }


def test_what_was_not_checked_is_said_and_is_no_fault() -> None:
    (found,) = violations(check({"type": "x"}, 1), side="response", subject="t", at="$.result")
    assert (found.path, found.keyword, found.breaking) == ("$.result", "unchecked", False)
    assert found.message == "not checked: the schema is not valid JSON Schema"


def test_paths_begin_where_the_payload_is() -> None:
    (found,) = violations(
        check({"required": ["a"]}, {}), side="response", subject=None, at="$.structuredContent"
    )
    assert found.path == "$.structuredContent.a"


def test_long_values_are_cut() -> None:
    (found,) = violations(check({"type": "null"}, "x" * 10_000), side="response", subject=None)
    assert len(found.message) < 200
