"""Runs that the rule `schema` decides."""

from typing import Any

import pytest

from proxy.core.outcomes._api import Facts
from tests.core.outcomes.facts import COMPLETED, CRM, Cases, breach, check, facts, llm, tool, turn

TA = "tool_arguments"
CASES: Cases = {
    "a required field is missing, and the tool refused": (
        facts(
            turn(("find", {"customer": "c-77"})),
            breach(1, TA, "required", subject="find"),
            tool(422, name="POST crm/find", error="customerId"),
            turn(reply="Sorry"),
        ),
        (
            "Failed",
            "Tool Error",
            "find: arguments broke the schema: $.a: wrong",
            None,
            "schema",
            (1, 2, 3),
        ),
    ),
    "missing, and the tool took it all the same": (
        facts(
            turn(("find", 1)),
            breach(1, TA, "required", subject="find"),
            turn(results=("find-1=x",), reply="Done"),
        ),
        (
            "Failed",
            "Tool Error",
            "find: arguments broke the schema: $.a: wrong",
            None,
            "schema",
            (1, 2),
        ),
    ),
    "a wrong type that the tool could read": (
        facts(
            turn(("find", 1)),
            breach(1, TA, "type", subject="find"),
            turn(results=("find-1=x",), reply="Done"),
        ),
        COMPLETED,
    ),
    "a wrong type, and nobody knows what came of it": (
        facts(turn(("find", 1)), breach(1, TA, "type", subject="find"), turn(reply="Done")),
        (
            "Failed",
            "Tool Error",
            "find: arguments broke the schema: $.a: wrong",
            None,
            "schema",
            (1, 2),
        ),
    ),
    "the model corrected itself": (
        facts(
            turn(("find", 1)),
            breach(1, TA, "required", subject="find"),
            turn(("find", 2)),
            turn(reply="Done"),
        ),
        COMPLETED,
    ),
    "it tried again, and no better": (
        facts(
            turn(("find", 1)),
            breach(1, TA, "required", subject="find"),
            turn(("find", 2)),
            breach(3, TA, "required", subject="find"),
            turn(reply="Done"),
        ),
        (
            "Failed",
            "Tool Error",
            "find: arguments broke the schema: $.a: wrong",
            None,
            "schema",
            (3, 4),
        ),
    ),
    "an answer that ends early": (
        facts(llm(), tool(200), breach(2, "partial_json", "cut_off"), llm()),
        ("Failed", "Tool Error", f"{CRM}: $.a: wrong", True, "schema", (2, 3)),
    ),
    "a page for JSON, then JSON": (
        facts(llm(), tool(200), breach(2, "content_type", "content_type"), tool(200), llm()),
        COMPLETED,
    ),
    "a result that is not what was declared": (
        facts(llm(), tool(200), breach(2, "tool_schemas", "required", subject="crm/find"), llm()),
        (
            "Failed",
            "Tool Error",
            "crm/find: the answer broke the schema: $.a: wrong",
            None,
            "schema",
            (2, 3),
        ),
    ),
    "arguments that a server declares otherwise": (
        facts(
            llm(),
            tool(200),
            breach(2, "tool_schemas", "required", subject="crm/find", side="request"),
            llm(),
        ),
        (
            "Failed",
            "Tool Error",
            "crm/find: arguments broke the schema: $.a: wrong",
            None,
            "schema",
            (2, 3),
        ),
    ),
    "no model, and a schema that the user has declared": (
        facts(tool(200), breach(1, "tool_schemas", "required", subject="crm", mode="observe")),
        (
            "Failed",
            "Tool Error",
            "crm: the answer broke the schema: $.a: wrong",
            None,
            "schema",
            (1, 2),
        ),
    ),
    "no model, no agent": (facts(tool(200), breach(1, "partial_json", "cut_off")), COMPLETED),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_outcome(given: Facts, expected: tuple[Any, ...]) -> None:
    check(given, expected)
