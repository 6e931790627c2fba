import pytest

from proxy.core.model import RequestHead
from proxy.core.steps import path_ids, step, template

PATHS = [
    ("/customers/42", "/customers/{id}"),
    ("/customers/42/orders/7/", "/customers/{id}/orders/{id}/"),
    ("/v1/users/6a1f7c9e-1111-4222-8333-444455556666", "/v1/users/{id}"),
    ("/v1beta/models", "/v1beta/models"),
    ("/v2.1/x", "/v2.1/x"),
    ("/v1p3beta1/images", "/v1p3beta1/images"),
    ("/commits/9fceb02d0ae598e95dc970b74767f19372d61af8", "/commits/{id}"),
    ("/commits/9fceb02", "/commits/{id}"),
    ("/users/ada@example.com/mail", "/users/{id}/mail"),
    ("/users/ada%40example.com", "/users/{id}"),
    ("/c/CUST-00042", "/c/{id}"),
    ("/c/ord_123", "/c/{id}"),
    ("/c/cus_4QFJOjw2pOmAGJ", "/c/{id}"),
    ("/c/C42", "/c/{id}"),
    ("/c/INV2024001", "/c/{id}"),
    ("/c/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/c/{id}"),
    ("/c/dQw4w9WgXcQ", "/c/{id}"),
    ("/files/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms", "/files/{id}"),
    ("/days/2026-03-01", "/days/{id}"),
    ("/at/2026-03-01T10:00:00Z", "/at/{id}"),
    ("/geo/52.52,13.40", "/geo/{id}"),
    ("/oauth2/token", "/oauth2/token"),
    ("/api/chat.postMessage", "/api/chat.postMessage"),
    ("/graphql", "/graphql"),
    ("/customers/search", "/customers/search"),
    ("/tickets/open-and-assigned", "/tickets/open-and-assigned"),
    ("/getCustomerByEmailAddress", "/getCustomerByEmailAddress"),
    ("/ipv4/base64", "/ipv4/base64"),
    ("/deadbeefcafe", "/deadbeefcafe"),
    ("/deadbeefdeadbeef", "/{id}"),
    ("/s/AbCdEfGhIjKlMnOpQrSt", "/s/{id}"),
    ("/" + "a" * 300, "/{id}"),
    ("/v" + "1" * 150 + "x", "/{id}"),
    ("/", "/"),
    ("", ""),
    ("/a//b", "/a//b"),
]


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_templates(path: str, expected: str) -> None:
    assert template(path) == expected
    assert len(path_ids(path)) == expected.count("{id}")


def test_path_ids_are_decoded() -> None:
    assert path_ids("/users/ada%40example.com/orders/7") == ["ada@example.com", "7"]


HEADS = [
    (RequestHead("GET", "https", "api.example.com", 443, "/c/1?x=2"), "GET api.example.com/c/{id}"),
    (RequestHead("POST", "http", "127.0.0.1", 8000, "/c"), "POST 127.0.0.1:8000/c"),
    (RequestHead("GET", "https", "::1", 443, "/"), "GET [::1]/"),
]


@pytest.mark.parametrize(("head", "expected"), HEADS)
def test_steps(head: RequestHead, expected: str) -> None:
    assert step(head) == expected
