from typing import Any

import pytest

from proxy.core.partial_args import PartialArgs


def piece(path: str, value: Any, *, more: bool = False) -> dict[str, Any]:
    name = {str: "stringValue", bool: "boolValue", float: "numberValue"}[type(value)]
    return {"jsonPath": path, name: value, **({"willContinue": True} if more else {})}


CASES: list[tuple[list[Any], dict[str, Any]]] = [
    ([piece("$.a", "x"), piece("$.b", 2.0), piece("$.c", True)], {"a": "x", "b": 2.0, "c": True}),
    ([piece("$.a", "x", more=True), piece("$.a", "y", more=True), piece("$.a", "z")], {"a": "xyz"}),
    ([piece("$.a", "x"), piece("$.a", "y")], {"a": "y"}),
    ([piece("$.a[1].b", "x"), piece("$.a[0]", "y")], {"a": ["y", {"b": "x"}]}),
    ([piece("$.a[0]", "x", more=True), piece("$.a[0]", "y")], {"a": ["xy"]}),
    ([piece("$['a b'].c", "x"), piece('$["d"]', "y")], {"a b": {"c": "x"}, "d": "y"}),
    ([{"jsonPath": "$.a", "nullValue": "NULL_VALUE"}], {"a": None}),
    ([piece("$.a", "x"), piece("$.a.b", "y"), piece("$.a[0]", "z")], {"a": "x"}),
    ([piece("$.a", "x"), piece("$.a.b.c", "y"), piece("$.a[0].c", "y")], {"a": "x"}),
    ([piece("$[0]", "x"), piece("$", "y"), piece("", "z"), {}, 7, None], {}),
    ([piece("$" + ".a" * 500, "x")], {}),
]


@pytest.mark.parametrize(("pieces", "args"), CASES)
def test_pieces(pieces: list[Any], args: dict[str, Any]) -> None:
    together = PartialArgs()
    together.add(pieces)
    assert together.args == args
    one_by_one = PartialArgs()
    for each in pieces:
        one_by_one.add([each])
    assert one_by_one.args == args


def test_no_list_of_pieces() -> None:
    args = PartialArgs()
    args.add(None)
    args.add("x")
    assert args.args == {}
