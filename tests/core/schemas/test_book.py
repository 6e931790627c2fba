"""Which declared schema a request is under, and which requests must be held."""

import pytest

from proxy.core.model import RequestHead
from proxy.core.schemas import Book, Declared, Rule
from proxy.core.schemas.book import Enforced
from proxy.core.schemas.declared import ENFORCE, Route
from proxy.core.wire.mcp import STDIO


def head(url: str, method: str = "GET", accept: str = "*/*") -> RequestHead:
    host, slash, path = url.partition("/")
    name, _, port = host.partition(":")
    headers = ((b"accept", accept.encode()),)
    return RequestHead(method, "https", name, int(port or 443), slash + path, headers=headers)


def routed(name: str, match: str, mode: str = "observe") -> Declared:
    return Declared(name, mode=mode, route=Route.of(match))


BOOK = Book(
    [
        routed("any", "crm.example.com/**"),
        routed("one", "GET crm.example.com/customers/{id}"),
        routed("me", "GET crm.example.com/customers/me"),
        routed("glob", "*.internal/health"),
        routed("port", "localhost:9000/a"),
        Declared("find", tool="crm_find"),
        Declared("mcp", tool="mcp:kb/search"),
        Declared("bare", tool="lookup"),
    ]
)


@pytest.mark.parametrize(
    ("url", "step", "name"),
    [
        ("crm.example.com/customers/7", None, "one"),
        ("crm.example.com/customers/me", None, "me"),
        ("crm.example.com/orders/7?x=1", None, "any"),
        ("a.internal/health", None, "glob"),
        ("localhost:9000/a", None, "port"),
        ("localhost:9001/a", None, None),
        ("tools.example.com/v1/crm_find", None, "find"),
        ("tools.example.com/v1/crm_find/", None, "find"),
        ("tools.example.com/v1/other", "crm_find", "find"),
        ("tools.example.com/v1/other", "unknown", None),
        ("tools.example.com/", None, None),
    ],
)
def test_the_most_exact_schema_is_meant(url: str, step: str | None, name: str | None) -> None:
    found = BOOK.of_request(head(url), step)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("step", "name"),
    [("mcp:kb/search", "mcp"), ("mcp:other/lookup", "bare"), ("mcp:kb/else", None)],
)
def test_tools_of_mcp_servers_go_by_name(step: str, name: str | None) -> None:
    found = BOOK.of_tool(step)
    assert (found and found.name) == name


def test_rules_outrank_what_files_say() -> None:
    rules = [Rule("crm_*", ENFORCE), Rule("*", "warn")]
    book = Book([Declared("crm_a"), Declared("b", mode=ENFORCE), Declared("c")], rules)
    assert [one.mode for one in book.declared] == [ENFORCE, "warn", "warn"]
    assert Book().mode("x") == "observe"
    assert (bool(Book()), bool(Book([Declared("a")])), bool(Book(rules=rules))) == (
        False,
        True,
        True,
    )


BOTH = "application/json, text/event-stream"


@pytest.mark.parametrize(
    ("declared", "rules", "request_", "held"),
    [
        ([routed("a", "h/a", ENFORCE)], [], head("h/a"), True),
        ([routed("a", "h/a")], [], head("h/a"), False),
        ([routed("a", "h/a", ENFORCE)], [], head("h/b"), False),
        ([routed("a", "h/a")], [Rule("a", ENFORCE)], head("h/a"), True),
        ([Declared("a", tool="t", mode=ENFORCE)], [], head("h/t"), True),
        ([Declared("a", tool="t", mode=ENFORCE)], [], head("h/mcp", "POST", BOTH), True),
        ([], [Rule("mcp:h/*", ENFORCE)], head("h/mcp", "POST", BOTH), True),
        ([], [Rule("mcp:h/*", ENFORCE)], head("i/mcp", "POST", BOTH), False),
        ([], [Rule("mcp:h/*", ENFORCE)], head("h/mcp", "GET", BOTH), False),
        ([], [Rule("mcp:h/*", ENFORCE)], head("h/mcp", "POST"), False),
        ([], [Rule("mcp:h/*", ENFORCE)], head("h/kb/mcp", "POST", BOTH), True),
        ([], [Rule("mcp:*/delete_*", ENFORCE)], head("h/kb/mcp", "POST", BOTH), True),
        ([], [Rule("*", ENFORCE)], head("h/mcp", "POST", BOTH), True),
        ([], [Rule("mcp:h/*", "warn")], head("h/mcp", "POST", BOTH), False),
    ],
)
def test_only_what_is_enforced_is_held(
    declared: list[Declared], rules: list[Rule], request_: RequestHead, held: bool
) -> None:
    enforced = Enforced(Book(declared, rules))
    assert enforced.holds(request_) is held
    assert bool(enforced) or not held


def test_a_stdio_server_goes_by_its_name() -> None:
    enforced = Enforced(Book([], [Rule("mcp:crm/*", ENFORCE)]))
    assert enforced.holds_server("crm")
    assert not enforced.holds_server("kb")
    assert enforced.holds(RequestHead("POST", STDIO, "crm", 0, "/"))
