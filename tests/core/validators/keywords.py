"""Every keyword of JSON Schema with a payload that fits and one that does not: (schema, yes, no).

What a draft has in its own way stands under that draft; the rest holds in all of them.
"""

from typing import Any

type Case = tuple[dict[str, Any], Any, Any]

_TREE = {"type": "object", "properties": {"v": {"type": "integer"}, "n": {"$ref": "#"}}}

EVERYWHERE: dict[str, Case] = {
    "type": ({"type": "integer"}, 3, "3"),
    "type, true is no number": ({"type": "number"}, 1, True),
    "type, several": ({"type": ["string", "null"]}, None, 1),
    "type, null": ({"type": "null"}, None, 0),
    "type, boolean": ({"type": "boolean"}, False, 0),
    "enum": ({"enum": ["a", 1, None]}, None, "b"),
    "enum, 1 is 1.0": ({"enum": [1]}, 1.0, True),
    "enum, an object": ({"enum": [{"a": [1]}]}, {"a": [1.0]}, {"a": [True]}),
    "minimum": ({"minimum": 2}, 2, 1.99),
    "maximum": ({"maximum": 2}, 2, 2.01),
    "multipleOf": ({"multipleOf": 5}, 10, 12),
    "multipleOf, a fraction": ({"multipleOf": 0.5}, 1.5, 1.25),
    "minLength": ({"minLength": 2}, "é€", "€"),
    "maxLength counts characters": ({"maxLength": 2}, "😀😀", "abc"),
    "pattern is found anywhere": ({"pattern": "b+"}, "abbc", "ac"),
    "pattern, anchored": ({"pattern": "^[A-Z]{3}-\\d+$"}, "ABC-12", "ABC-"),
    "pattern, lookahead": ({"pattern": "^(?=.*\\d).+$"}, "a1", "ab"),
    "properties": ({"properties": {"a": {"type": "string"}}}, {"a": "x", "b": 1}, {"a": 1}),
    "required": ({"required": ["a", "b"]}, {"a": 1, "b": None}, {"a": 1}),
    "additionalProperties": (
        {"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False},
        {"a": 1, "xy": 2},
        {"b": 1},
    ),
    "additionalProperties, a schema": (
        {"additionalProperties": {"type": "integer"}},
        {"a": 1},
        {"a": "1"},
    ),
    "patternProperties": (
        {"patternProperties": {"_id$": {"type": "string"}}},
        {"a_id": "1", "n": 1},
        {"a_id": 1},
    ),
    "minProperties": ({"minProperties": 1}, {"a": 1}, {}),
    "maxProperties": ({"maxProperties": 1}, {"a": 1}, {"a": 1, "b": 2}),
    "items": ({"items": {"type": "string"}}, ["a"], ["a", 1]),
    "minItems": ({"minItems": 2}, [1, 2], [1]),
    "maxItems": ({"maxItems": 2}, [1, 2], [1, 2, 3]),
    "uniqueItems": ({"uniqueItems": True}, [1, True, "1"], [1, 1.0]),
    "uniqueItems, objects": ({"uniqueItems": True}, [{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 1}]),
    "uniqueItems, key order": (
        {"uniqueItems": True},
        [{"a": 1, "b": 2}, {"a": 2, "b": 1}],
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
    ),
    "allOf": ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, 2, 1),
    "anyOf": ({"anyOf": [{"type": "integer"}, {"minLength": 2}]}, "ab", "a"),
    "oneOf": ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, 1, 3),
    "not": ({"not": {"type": "string"}}, 1, "a"),
    "$ref": (
        {
            "definitions": {"s": {"type": "string"}},
            "properties": {"a": {"$ref": "#/definitions/s"}},
        },
        {"a": "x"},
        {"a": 1},
    ),
    "$ref, escaped": (
        {
            "definitions": {"a/b~c": {"type": "string"}},
            "items": {"$ref": "#/definitions/a~1b~0c"},
        },
        ["x"],
        [1],
    ),
    "$ref to the root": (_TREE, {"v": 1, "n": {"n": {"v": 2}}}, {"n": {"n": {"v": "2"}}}),
    "format is a note": ({"format": "email", "type": "string"}, "no email", 1),
    "an unknown keyword is a note": ({"x-unit": "EUR", "type": "integer"}, 1, "1"),
    "what is not of the type is left alone": ({"minLength": 2, "minimum": 5}, [1], 4),
}
SIX_AND_LATER: dict[str, Case] = {
    "type, a whole float": ({"type": "integer"}, 3.0, 3.5),
    "const": ({"const": {"a": 1}}, {"a": 1.0}, {"a": 2}),
    "const, false is not 0": ({"const": False}, False, 0),
    "contains": ({"contains": {"type": "integer"}}, ["a", 1], ["a"]),
    "propertyNames": ({"propertyNames": {"maxLength": 2}}, {"ab": 1}, {"abc": 1}),
    "exclusiveMinimum": ({"exclusiveMinimum": 2}, 2.1, 2),
    "exclusiveMaximum": ({"exclusiveMaximum": 2}, 1, 2),
    "a schema that is false": ({"properties": {"a": False}}, {"b": 1}, {"a": 1}),
    "a schema that is true": (
        {"properties": {"a": True, "b": {"type": "null"}}},
        {"a": 1},
        {"b": 1},
    ),
}
SEVEN_AND_LATER: dict[str, Case] = {
    "if then": ({"if": {"type": "integer"}, "then": {"minimum": 2}}, "a", 1),
    "if else": ({"if": {"type": "integer"}, "else": {"minLength": 2}}, 1, "a"),
}
OWN: dict[str, dict[str, Case]] = {
    "http://json-schema.org/draft-04/schema#": {
        "exclusiveMinimum is a switch": ({"minimum": 2, "exclusiveMinimum": True}, 3, 2),
        "exclusiveMaximum is a switch": ({"maximum": 2, "exclusiveMaximum": True}, 1, 2),
        "items, a tuple": ({"items": [{"type": "string"}]}, ["a", 1], [1]),
        "additionalItems": ({"items": [{}], "additionalItems": False}, [1], [1, 2]),
        "dependencies": ({"dependencies": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
        "$ref stands alone": (
            {
                "definitions": {"s": {"type": "integer"}},
                "items": {"$ref": "#/definitions/s", "type": "null"},
            },
            [1],
            [None],
        ),
    },
    "http://json-schema.org/draft-06/schema#": {
        "items, a tuple": ({"items": [{"type": "string"}]}, ["a", 1], [1]),
        "dependencies, a schema": (
            {"dependencies": {"a": {"required": ["b"]}}},
            {"b": 1},
            {"a": 1},
        ),
    },
    "http://json-schema.org/draft-07/schema#": {
        "items, a tuple": ({"items": [{"type": "string"}]}, ["a", 1], [1]),
        "additionalItems": (
            {"items": [{}], "additionalItems": {"type": "string"}},
            [1, "a"],
            [1, 2],
        ),
        "dependencies": ({"dependencies": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
    },
    "https://json-schema.org/draft/2019-09/schema": {
        "items, a tuple": ({"items": [{"type": "string"}]}, ["a", 1], [1]),
        "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
        "dependentSchemas": ({"dependentSchemas": {"a": {"required": ["b"]}}}, {}, {"a": 1}),
        "minContains": ({"contains": {"type": "null"}, "minContains": 2}, [None, None], [None]),
        "$ref beside others": (
            {"$defs": {"s": {"type": "string"}}, "$ref": "#/$defs/s", "minLength": 2},
            "ab",
            "a",
        ),
    },
    "https://json-schema.org/draft/2020-12/schema": {
        "prefixItems": ({"prefixItems": [{"type": "string"}]}, ["a", 1], [1]),
        "prefixItems and items": ({"prefixItems": [{}], "items": False}, [1], [1, 2]),
        "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
        "dependentSchemas": ({"dependentSchemas": {"a": {"required": ["b"]}}}, {}, {"a": 1}),
        "minContains": ({"contains": {"type": "null"}, "minContains": 2}, [None, None], [None]),
        "minContains of 0": (
            {"contains": {"type": "null"}, "minContains": 0, "minItems": 1},
            [1],
            [],
        ),
        "maxContains": ({"contains": {"type": "null"}, "maxContains": 1}, [None], [None, None]),
        "unevaluatedProperties": (
            {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
            {"a": 1},
            {"a": 1, "b": 2},
        ),
        "unevaluatedProperties and patterns": (
            {"patternProperties": {"^a": {}}, "unevaluatedProperties": False},
            {"ab": 1},
            {"b": 2},
        ),
        "unevaluatedItems": (
            {"prefixItems": [{}], "unevaluatedItems": {"type": "string"}},
            [1, "a"],
            [1, 2],
        ),
        "$anchor": (
            {"$defs": {"s": {"$anchor": "s", "type": "string"}}, "items": {"$ref": "#s"}},
            ["a"],
            [1],
        ),
        "$dynamicRef": (
            {
                "$dynamicAnchor": "node",
                "type": "object",
                "properties": {"n": {"$dynamicRef": "#node"}},
            },
            {"n": {"n": {}}},
            {"n": {"n": 1}},
        ),
    },
}
_LATER = {
    "http://json-schema.org/draft-04/schema#": (EVERYWHERE,),
    "http://json-schema.org/draft-06/schema#": (EVERYWHERE, SIX_AND_LATER),
}


def cases() -> dict[str, Case]:
    """All of them, each schema with its `$schema`."""
    found = {}
    for draft, own in OWN.items():
        shared = _LATER.get(draft, (EVERYWHERE, SIX_AND_LATER, SEVEN_AND_LATER))
        for table in (*shared, own):
            for name, (schema, good, bad) in table.items():
                found[f"{draft.split('/')[-2]} {name}"] = ({"$schema": draft, **schema}, good, bad)
    return found
