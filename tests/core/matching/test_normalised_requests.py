"""Which requests are the same: method, target, headers, forms."""

import pytest

from proxy.core.matching import MatchRequest
from proxy.core.matching.normalised import key, place, shape
from tests.core.matching.asked import UUID_A, UUID_B, field, form, multipart, request

REQUESTS: list[tuple[str, MatchRequest, MatchRequest, bool]] = [
    ("method", request("GET"), request("HEAD"), False),
    ("host's case", request(host="API.example.com"), request(), True),
    ("host", request(host="api.example.org"), request(), False),
    ("port", request(port=8443), request(), False),
    ("path", request(target="/v1/x"), request(target="/v1/y"), False),
    ("path's case", request(target="/v1/x"), request(target="/v1/X"), False),
    ("order of the query", request(target="/?a=1&b=2"), request(target="/?b=2&a=1"), True),
    ("order of one name", request(target="/?a=1&a=2"), request(target="/?a=2&a=1"), False),
    ("value in the query", request(target="/?page=1"), request(target="/?page=2"), False),
    ("empty value", request(target="/?a="), request(target="/"), False),
    (
        "cache buster",
        request(target="/?a=1&_=1764000000000"),
        request(target="/?a=1&_=1764000001111"),
        True,
    ),
    (
        "date in the query",
        request(target="/?date=2026-11-22"),
        request(target="/?date=2026-11-23"),
        True,
    ),
    (
        "due in the query",
        request(target="/?due=2026-11-22"),
        request(target="/?due=2026-11-23"),
        False,
    ),
    (
        "uuid in the path",
        request(target=f"/customers/{UUID_A}"),
        request(target=f"/customers/{UUID_B}"),
        False,
    ),
    (
        "session in the path",
        request(target=f"/sessions/{UUID_A}/x"),
        request(target=f"/sessions/{UUID_B}/x"),
        True,
    ),
    ("key in the query", request(target="/?api_key=a"), request(target="/?api_key=b"), True),
    ("key of data", request(target="/?key=a"), request(target="/?key=b"), False),
    (
        "key at Google",
        request(target="/?key=a", host="x.googleapis.com"),
        request(target="/?key=b", host="x.googleapis.com"),
        True,
    ),
    (
        "signed url",
        request(target="/?X-Amz-Date=20261122T101112Z&X-Amz-Signature=aa&X-Amz-Credential=c"),
        request(target="/?X-Amz-Date=20261123T101112Z&X-Amz-Signature=bb&X-Amz-Credential=d"),
        True,
    ),
    (
        "token in the path",
        request(target="/botSECRET-telegram-9f2c41d07ab3/send"),
        request(target="/botSECRET-telegram-000000000000/send"),
        True,
    ),
    (
        "date in the path",
        request(target="/days/2026-11-22"),
        request(target="/days/2026-11-23"),
        False,
    ),
    (
        "headers that do not count",
        request(headers=((b"user-agent", b"a/1"), (b"date", b"x"), (b"Accept", b"*/*"))),
        request(headers=((b"idempotency-key", b"q"), (b"traceparent", b"y"))),
        True,
    ),
    ("the usual Accept", request(headers=((b"accept", b"application/json"),)), request(), True),
    ("another Accept", request(headers=((b"accept", b"text/csv"),)), request(), False),
    ("range", request(headers=((b"Range", b"bytes=0-1"),)), request(), False),
    (
        "aws operation",
        request("POST", headers=((b"X-Amz-Target", b"Logs.Put"),)),
        request("POST", headers=((b"X-Amz-Target", b"Logs.Get"),)),
        False,
    ),
    (
        "mcp name",
        request(headers=((b"Mcp-Method", b"tools/call"), (b"Mcp-Name", b"a"))),
        request(headers=((b"Mcp-Method", b"tools/call"), (b"Mcp-Name", b"b"))),
        False,
    ),
    ("mcp session", request(headers=((b"Mcp-Session-Id", b"1"),)), request(), True),
    ("form order", form(b"a=1&b=2"), form(b"b=2&a=1"), True),
    ("form value", form(b"a=1&b=2"), form(b"a=1&b=3"), False),
    ("form encoding", form(b"a=x+y"), form(b"a=x%20y"), True),
    (
        "boundary",
        multipart(b"AaB03x", field(b"a", b"1")),
        multipart(b"zz9", field(b"a", b"1")),
        True,
    ),
    (
        "part's value",
        multipart(b"b1", field(b"a", b"1")),
        multipart(b"b1", field(b"a", b"2")),
        False,
    ),
    (
        "part's name",
        multipart(b"b1", field(b"a", b"1")),
        multipart(b"b1", field(b"b", b"1")),
        False,
    ),
    (
        "part's file",
        multipart(b"b1", field(b"a", b"1", b'; filename="x.txt"')),
        multipart(b"b1", field(b"a", b"1", b'; filename="y.txt"')),
        False,
    ),
    (
        "part's type",
        multipart(b"b1", field(b"a", b"1", b"\r\nContent-Type: text/csv")),
        multipart(b"b1", field(b"a", b"1")),
        False,
    ),
    (
        "json in a part",
        multipart(b"b1", field(b"a", b'{"x":1,"y":2}')),
        multipart(b"b2", field(b"a", b'{"y":2,"x":1}')),
        True,
    ),
    (
        "bytes in a part",
        multipart(b"b1", field(b"f", b"\x00\x01\xff")),
        multipart(b"b2", field(b"f", b"\x00\x01\xfe")),
        False,
    ),
    (
        "the end of a part",
        multipart(b"b1", field(b"f", b"\x00\x01")),
        multipart(b"b2", field(b"f", b"\x00\x01\r\n")),
        False,
    ),
    (
        "text",
        request("PUT", body=b"run at 2026-11-22"),
        request("PUT", body=b"run at 2026-11-23"),
        True,
    ),
    ("text's words", request("PUT", body=b"a b"), request("PUT", body=b"a  b"), False),
    ("binary", request("PUT", body=b"\x00\x01"), request("PUT", body=b"\x00\x02"), False),
    ("no body", request("PUT"), request("PUT", body=b" "), False),
    (
        "lines",
        request("POST", body=b'{"a":1,"b":2}\n{"c":1}\n'),
        request("POST", body=b'{"b":2,"a":1}\n{"c":1}'),
        True,
    ),
    (
        "line order",
        request("POST", body=b'{"a":1}\n{"c":1}\n'),
        request("POST", body=b'{"c":1}\n{"a":1}\n'),
        False,
    ),
    (
        "json spaced out",
        request("POST", body=b'{ "a" : 1 }'),
        request("POST", body=b'{"a":1}'),
        True,
    ),
    (
        "json or text",
        request("POST", body=b'{"a":1}'),
        request("POST", body=b'"{\\"a\\":1}"'),
        False,
    ),
    ("broken json", request("POST", body=b'{"a":1'), request("POST", body=b'{"a":2'), False),
    ("deep json", request("POST", body=b"[" * 5000), request("POST", body=b"[" * 5001), False),
    (
        "deep but valid json",
        request("POST", body=b"[" * 900 + b"1" + b"]" * 900),
        request("POST", body=b"[" * 900 + b"2" + b"]" * 900),
        False,
    ),
]


@pytest.mark.parametrize(
    ("one", "other", "same"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
def test_requests(one: MatchRequest, other: MatchRequest, same: bool) -> None:
    assert (key(one).id == key(other).id) is same
    if same:
        assert place(one) == place(other)


def test_requests_with_equal_keys_have_one_shape() -> None:
    for one, other, same in (row[1:] for row in REQUESTS):
        assert not same or shape(one) == shape(other)
