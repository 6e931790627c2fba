from typing import Any

import orjson
import pytest

from proxy.core.matching import IgnoreRule
from proxy.core.matching.ignore import check, path_steps, patterns, regex, without
from proxy.errors import ConfigError

TREE = {
    "a": {"b": [{"c": 1, "d": 2}, {"c": 3}], "e-f": 4},
    "x": {"id": 1, "y": [{"id": 2}]},
    "args": '{"order": 1, "at": {"id": 5}}',
    "list": [1, 2, 3],
}

CASES: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("$.a",), {"a": ...}),
    (("$.a.b[*].c",), {"a": {"b": [{"d": 2}, {}], "e-f": 4}}),
    (("$.a.b[0].c",), {"a": {"b": [{"d": 2}, {"c": 3}], "e-f": 4}}),
    (("$.a.b[0]",), {"a": {"b": [{"c": 3}], "e-f": 4}}),
    (("$.a.b[0]", "$.a.b[1]"), {"a": {"b": [], "e-f": 4}}),
    (("$.a.b[9]",), {}),
    (("$.a.b[*]",), {"a": {"b": [], "e-f": 4}}),
    (("$['a']['e-f']",), {"a": {"b": [{"c": 1, "d": 2}, {"c": 3}]}}),
    (('$.a["e-f"]',), {"a": {"b": [{"c": 1, "d": 2}, {"c": 3}]}}),
    (("$.a.*",), {"a": {}}),
    (("$..id",), {"x": {"y": [{}]}, "args": '{"order":1,"at":{}}'}),
    (("$.x..id",), {"x": {"y": [{}]}}),
    (("$.args.order",), {"args": '{"at":{"id":5}}'}),
    (("$.args.at.id",), {"args": '{"order":1,"at":{}}'}),
    (("$.list[1]",), {"list": [1, 3]}),
    (("$.nothing.at.all",), {}),
    (("$.list.name",), {}),
]


@pytest.mark.parametrize(("paths", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_what_a_path_names_is_gone(paths: tuple[str, ...], expected: dict[str, Any]) -> None:
    wanted = {key: value for key, value in (TREE | expected).items() if value is not ...}
    assert without(orjson.loads(orjson.dumps(TREE)), paths) == wanted


def test_all_of_it() -> None:
    assert without({"a": 1}, ["$"]) is None
    assert without([1, 2], ["$[*]"]) == []
    assert without("text", ["$.a"]) == "text"
    assert without("{broken}", ["$.a"]) == "{broken}"


def test_steps_of_a_path() -> None:
    assert path_steps("$.a['b\\'c'][2][*]..d.*") == (
        ("name", "a"),
        ("name", "b'c"),
        ("index", 2),
        ("every", "*"),
        ("deep", "d"),
        ("every", "*"),
    )


@pytest.mark.parametrize(
    "path", ["", "a", "$a", "$.", "$[", "$[x]", "$.a[-1]", "$['a]", "$..", "$.a b["]
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ConfigError, match="not a JSON path"):
        path_steps(path)


def test_regexes() -> None:
    assert regex("a+").sub("", "baab") == "bb"
    with pytest.raises(ConfigError, match="not a regular expression"):
        regex("[")


def test_rules_are_checked_and_chosen_by_step() -> None:
    rules = check(
        [
            IgnoreRule("json", "$.a"),
            IgnoreRule("json", "$.b", "mcp:crm/*"),
            IgnoreRule("query", "t", "openai.chat"),
        ]
    )
    assert patterns(rules, "json", "mcp:crm/find") == ("$.a", "$.b")
    assert patterns(rules, "json", "openai.chat") == ("$.a",)
    assert patterns(rules, "query", "openai.chat") == ("t",)
    assert patterns(rules, "query", "openai.chat.other") == ()
