from typing import Any

import pytest

from proxy.core.checks.schema import check
from proxy.errors import ConfigError
from tests.core.checks.trials import trial


@pytest.mark.parametrize(
    ("output", "wanted", "said"),
    [
        ('{"a": 1}', {"type": "object", "required": ["a"]}, []),
        ('{"a": 1}', {"properties": {"a": {"type": "string"}}}, ["$.a: 1 is not of type 'string'"]),
        ('{"a": 1}', {"required": ["b"]}, ["$: 'b' is a required property"]),
        ("hello", {}, ["the output is not JSON: Expecting value: line 1 column 1 (char 0)"]),
    ],
)
def test_schema(output: str, wanted: Any, said: list[str]) -> None:
    assert list(check(trial(output=output), wanted)) == said


@pytest.mark.parametrize("wanted", [{"type": "nothing"}, 7])
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(trial(output="{}"), wanted))


def test_nothing_is_fetched() -> None:
    with pytest.raises(ConfigError, match="cannot be checked"):
        list(check(trial(output="1"), {"$ref": "http://127.0.0.1:9/schema.json"}))
