"""Declared schemas out of parsed files."""

from typing import Any

import pytest

from proxy.core.schemas.declared import Declared, Route
from proxy.core.schemas.reading import read

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("name", "document", "expected"),
    [
        (
            "crm_find",
            {"mode": "enforce", "request": TEXT, "response": {}},
            Declared(
                "crm_find", "f", "enforce", tool="crm_find", request=TEXT, responses={"2XX": {}}
            ),
        ),
        (
            "a",
            {"tool": "mcp:kb/search", "request": TEXT},
            Declared("a", "f", tool="mcp:kb/search", request=TEXT),
        ),
        (
            "a",
            {"match": "GET h/x", "response": TEXT, "observed": {"calls": 3}},
            Declared("a", "f", route=Route("GET", "h", ("x",)), responses={"2XX": TEXT}),
        ),
        ("find", TEXT, Declared("find", "f", tool="find", responses={"2XX": TEXT})),
        ("find.response", TEXT, Declared("find", "f", tool="find", responses={"2XX": TEXT})),
        ("find.request", TEXT, Declared("find.request", "f", tool="find", request=TEXT)),
    ],
)
def test_forms(name: str, document: Any, expected: Declared) -> None:
    assert read(document, name, "f") == (expected,)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "no object"),
        ({"name": "x"}, "neither a tool's schema"),
        ({"request": 1}, "`request` is no object"),
        ({"request": {}, "mode": "hard"}, "its mode is 'hard', and can be observe, warn, enforce"),
        ({"request": {}, "respones": {}}, "'respones'"),
        ({"request": {}, "tool": 3}, "are texts"),
        ({"request": {}, "match": "GET /x"}, "METHOD HOST/PATH"),
        ({"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}, "name no host"),
        ({"openapi": "3.1.0", "x-dashcam-mode": "hard"}, "x-dashcam-mode"),
    ],
)
def test_what_is_no_schema_says_why(document: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(document, "a", "f")
