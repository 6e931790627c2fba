"""Bodies that are not what they are said to be."""

import pytest

from proxy.core.model import End, Exchange, Headers
from proxy.core.validators.content_type import check
from tests.core.validators.payloads import JSON, exchange, material

URL = "https://crm.test/customers"
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
HTML: Headers = ((b"content-type", b"text/html"),)
ONLY_JSON: Headers = ((b"accept", b"application/json"),)
AXIOS: Headers = ((b"accept", b"application/json, text/plain, */*"),)


def get(got: bytes, headers: Headers = JSON, asks: Headers = (), status: int = 200) -> Exchange:
    return exchange(URL, b"", got, method="GET", headers=headers, asks=asks, status=status)


CASES: dict[str, tuple[Exchange, list[str]]] = {
    "JSON": (get(b'{"a": 1}'), []),
    "nothing": (get(b""), []),
    "a page as JSON": (
        get(PAGE),
        ["the answer says that it is application/json, and is a page of HTML or XML"],
    ),
    "a text as JSON": (
        get(b"OK"),
        ["the answer says that it is application/json, and is something else: 'OK'"],
    ),
    "a stream as JSON": (
        get(b"data: {}\n\n"),
        ["the answer says that it is application/json, and is an event stream"],
    ),
    "binary as JSON": (
        get(b"\x00\x01\x02"),
        ["the answer says that it is application/json, and is 3 bytes of binary"],
    ),
    "JSON that ends early is another matter": (get(b'{"a": '), []),
    "a log-in page for JSON": (
        get(PAGE, HTML, ONLY_JSON),
        ["only JSON was asked for, and the answer is a page of HTML or XML"],
    ),
    "a page for who takes anything": (get(PAGE, HTML, AXIOS), []),
    "an error page": (get(PAGE, status=502), []),
    "a request that is no JSON": (
        exchange(URL, b"a=1", {"ok": True}),
        ["the request says that it is JSON, and is something else: 'a=1'"],
    ),
    "cut off on the wire": (exchange(URL, {}, b"<", end=End.UPSTREAM_TRUNCATED), []),
}


@pytest.mark.parametrize(("made", "said"), CASES.values(), ids=CASES)
def test_bodies(made: Exchange, said: list[str]) -> None:
    assert [one.message for one in check(material(made))] == said
