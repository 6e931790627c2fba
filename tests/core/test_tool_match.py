from typing import Any

import pytest

from proxy.core.calls import Call, ToolUse
from proxy.core.model import RequestHead
from proxy.core.tool_match import asked, fit


def head(target: str) -> RequestHead:
    return RequestHead("POST", "https", "crm.test", 443, target)


def http(target: str, body: Any = None, raw: bytes = b"") -> Any:
    step = f"POST crm.test{target.partition('?')[0]}"
    return asked(head(target), Call("http", step, "http", input=body), raw)


def mcp(name: str, arguments: Any) -> Any:
    call = Call("tool_call", f"mcp:shop/{name}", "mcp", input=arguments)
    return asked(RequestHead("POST", "https", "mcp.test", 443, "/mcp"), call, b"")


@pytest.mark.parametrize(
    ("use", "request_", "sure", "likely"),
    [
        (("search_customer", {"email": "jane@acme.com"}), ("/customers", "jane@acme.com"), 1, 1),
        (
            ("searchCustomer", {"email": "jane@acme.com"}),
            ("/customers?q=jane%40acme.com", ""),
            1,
            1,
        ),
        (("crm.search", {"email": "jane@acme.com"}), ("/customers", "joe@other.test"), 0, 0),
        (("get_weather", {"city": "Oslo"}), ("/v1/forecast?place=Oslo", ""), 0, 1),
        (("get_weather", {"day": 5}), ("/v1/forecast?day=5", ""), 0, 0),
        (("list_customers", {}), ("/customers", ""), 0, 1),
        (("get_post", {}), ("/api/post", ""), 0, 0),
    ],
)
def test_http(use: tuple[str, Any], request_: tuple[str, str], sure: int, likely: int) -> None:
    target, text = request_
    found = fit(ToolUse(None, *use), http(target, {"q": text} if text else None))
    assert (found.sure, found.likely) == (bool(sure), bool(likely))


@pytest.mark.parametrize(
    ("use", "request_", "sure", "likely"),
    [
        (("find", {"sku": "A-1000"}), ("find", {"sku": "A-1000"}), 1, 1),
        (("mcp__shop__find", {"sku": "A-1000"}), ("find", {"sku": "A-1000"}), 1, 1),
        (("find", {"sku": "A-1000"}), ("find", {"sku": "B-2000"}), 0, 0),
        (("find", {}), ("find", {}), 0, 1),
        (("other", {"n": 1}), ("find", {"n": 2}), 0, 0),
    ],
)
def test_mcp(use: tuple[str, Any], request_: tuple[str, Any], sure: int, likely: int) -> None:
    found = fit(ToolUse(None, *use), mcp(*request_))
    assert (found.sure, found.likely) == (bool(sure), bool(likely))


def test_escaped_text_is_found() -> None:
    found = fit(ToolUse(None, "note", {"text": "Grüße"}), http("/notes", {"text": "Grüße"}))
    assert found.sure


def test_arguments_without_end_cost_little() -> None:
    deep: Any = "x" * 10
    for _ in range(100):
        deep = {"a": [deep] * 3}
    assert not fit(ToolUse(None, "note", deep), http("/", None)).likely
    assert not fit(ToolUse(None, "note", {1: object()}), http("/", {2: object()})).sure
