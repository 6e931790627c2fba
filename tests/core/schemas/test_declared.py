"""Where a declared schema applies."""

import pytest

from proxy.core.schemas.declared import Declared, Route, segments


@pytest.mark.parametrize(
    ("match", "method", "path", "meant"),
    [
        ("GET crm.example.com/customers/{id}", "GET", "/customers/12", True),
        ("GET crm.example.com/customers/{id}", "POST", "/customers/12", False),
        ("GET crm.example.com/customers/{id}", "GET", "/customers/12/orders", False),
        ("GET crm.example.com/customers/{id}", "GET", "/customers", False),
        ("crm.example.com/customers/*", "PATCH", "/customers/12/", True),
        ("* crm.example.com/customers", "PUT", "/customers", True),
        ("POST https://crm.example.com/v1/**", "POST", "/v1/a/b/c", True),
        ("POST https://crm.example.com/v1/**", "POST", "/v1", True),
        ("POST https://crm.example.com/v1/**", "POST", "/v2/a", False),
        ("crm.example.com", "GET", "/anything/at/all", True),
    ],
)
def test_a_route_leads_to_methods_and_paths(
    match: str, method: str, path: str, meant: bool
) -> None:
    route = Route.of(match)
    assert route.host == "crm.example.com"
    assert route.leads_to(method, segments(path)) is meant


@pytest.mark.parametrize("text", ["", "GET", "one two three", "GET /path/only"])
def test_what_is_no_route(text: str) -> None:
    if text == "GET":  # a host of that name
        assert Route.of(text).host == "get"
        return
    with pytest.raises(ValueError, match="METHOD HOST/PATH"):
        Route.of(text)


def test_hosts_may_be_patterns() -> None:
    route = Route.of("GET *.example.com/a")
    assert not route.literal
    assert route.covers("crm.example.com")
    assert not route.covers("example.org")


@pytest.mark.parametrize(
    ("status", "schema"),
    [(200, "exact"), (201, "kind"), (404, None), (500, None), (101, None), (304, None)],
)
def test_the_schema_of_an_answer_is_by_status(status: int, schema: str | None) -> None:
    kinds = {"200": "exact", "2XX": "kind", "default": "rest", "404": "error"}
    declared = Declared("a", responses={key: {"title": name} for key, name in kinds.items()})
    found = declared.response(status)
    assert (found and found["title"]) == schema
    assert Declared("a", responses={"default": {"title": "rest"}}).response(204) is not None
