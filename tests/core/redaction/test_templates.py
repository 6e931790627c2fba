"""Messages that differ only in their text."""

import json
from typing import Any

import pytest

from proxy.core.redaction.leaves import literals
from proxy.core.redaction.templates import Template, template
from proxy.core.redaction.tokens import walk


def made(record: Any) -> Template:
    payload = json.dumps(record).encode()
    found = template(payload, [*walk(payload)], literals(payload))
    assert found is not None
    return found


def texts(kind: Template, record: Any) -> list[str] | None:
    payload = json.dumps(record).encode()
    found = kind.match(payload)
    if found is None:
        return None
    assert [cut for cut in found if cut[0] is not None] == literals(payload)
    said = [payload[start:end].decode() for key, start, end in found if key is not None]
    return said[:1]


FIRST = {"id": "m1", "index": 0, "n": 7, "d": {"type": "t", "text": "one"}, "obfuscation": "xyz"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["one"]),
        ({"d": {"type": "t", "text": 'two \u00e9 "quoted\\\\'}}, None),
        ({"d": {"type": "t", "text": ""}}, [""]),
        ({"n": -123456}, ["one"]),
        ({"obfuscation": "pq"}, ["one"]),
        ({"obfuscation": ""}, ["one"]),
        ({"id": "m2"}, None),
        ({"index": 1}, None),
        ({"n": 1.5}, None),
        ({"n": None}, None),
        ({"d": {"type": "u", "text": "one"}}, None),
        ({"d": {"type": "t", "other": "one"}}, None),
        ({"d": {"type": "t", "text": None}}, None),
        ({"more": "x"}, None),
    ],
)
def test_matching(change: dict[str, Any], expected: list[str] | None) -> None:
    record = {**FIRST, **change}
    if "quoted" in str(change):
        expected = [json.dumps(record["d"]["text"])[1:-1]]
    assert texts(made(FIRST), record) == expected


@pytest.mark.parametrize(
    "record",
    [
        {},
        [],
        {"id": "only envelope"},
        {f"t{n}": "x" for n in range(9)},
        {"a": 1.5, "b": None},
        {"d": "x", "password": ""},
        {"d": "x", "token": "Hello"},
        {"name": "x", "value": "y"},
        {"authorization": ["x"]},
        {"n": 7},
    ],
)
def test_no_template(record: Any) -> None:
    payload = json.dumps(record).encode()
    assert template(payload, [*walk(payload)], literals(payload)) is None


def test_cut_off_messages_do_not_match() -> None:
    payload = json.dumps(FIRST).encode()
    kind = made(FIRST)
    for size in range(len(payload)):
        assert kind.match(payload[:size]) is None
