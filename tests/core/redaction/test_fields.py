"""Fields of queries, forms and headers."""

import pytest

from proxy.core.redaction import fields
from proxy.core.redaction.names import Rule

TOKEN = b"SECRET-credential-0123456789ab"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a=1&api_key=xyz&b=2", [(b"xyz", b"xyz")]),
        (b"key=AIzaSyB1234567&page=2", [(b"AIzaSyB1234567", b"AIzaSyB1234567")]),
        (b"X-Amz-Signature=0f1e&X-Amz-Date=2026", [(b"0f1e", b"0f1e")]),
        (b"api%5Fkey=p%40ss%2Fword", [(b"p%40ss%2Fword", b"p@ss/word")]),
        (b"client_secret=a=b", [(b"a=b", b"a=b")]),
        (b"key=name&code=DE&token=abc&page_token=a1b2c3d4e5f6", []),
        (b"code=4/0AeanS0aBcDeF12&state=x", [(b"4/0AeanS0aBcDeF12", b"4/0AeanS0aBcDeF12")]),
        (b"password=&secret", []),
        (b"password=" + TOKEN, []),
    ],
)
def test_queries(text: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    found = [(text[find.start : find.end], find.value) for find in fields.query(text)]
    assert found == expected


def test_a_query_begins_where_it_is_said_to() -> None:
    (find,) = fields.query(b"/x?password=abc", 3)
    assert (find.start, find.end) == (12, 15)


def part(name: bytes, value: bytes, newline: bytes = b"\r\n") -> bytes:
    head = b'--B%sContent-Disposition: form-data; name="%s"%s%s' % (newline, name, newline, newline)
    return head + value + newline


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_multipart(newline: bytes) -> None:
    data = (
        part(b"model", b"whisper-1", newline)
        + part(b"api_key", b"line one\nline two", newline)
        + part(b"key", b"uploads/a.png", newline)
        + b"--B--"
        + newline
    )
    assert [find.value for find in fields.multipart(data, b"B")] == [b"line one\nline two"]


def test_multipart_cut_off() -> None:
    data = part(b"password", b"abc")[:-3]
    assert [find.value for find in fields.multipart(data, b"B")] == [b"ab"]
    assert list(fields.multipart(b"--B\r\nno head", b"B")) == []


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        (b"Bearer abc", Rule.SCHEME, [b"abc"]),
        (b"bearer   abc ", Rule.SCHEME, [b"abc"]),
        (
            b"AWS4-HMAC-SHA256 Credential=A, Signature=b",
            Rule.SCHEME,
            [b"Credential=A, Signature=b"],
        ),
        (b"abc def", Rule.SCHEME, [b"abc def"]),
        (b"Bearer", Rule.SCHEME, [b"Bearer"]),
        (b"Bearer " + TOKEN, Rule.SCHEME, []),
        (b" k1 ", Rule.STRONG, [b"k1"]),
        (b"", Rule.STRONG, []),
        (b'a=1; b="q w"; c=', Rule.COOKIE, [b"1", b"q w"]),
        (b"sid=abc; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT", Rule.SET_COOKIE, [b"abc"]),
        (b"a=1; Path=/, b=2; HttpOnly", Rule.SET_COOKIE, [b"1", b"2"]),
        (b"a=" + TOKEN, Rule.COOKIE, []),
        (b"realtime, openai-insecure-api-key.q7 , x.v1", Rule.PROTOCOLS, [b"q7"]),
        (b"openai-ephemeral-key.q7/x", Rule.PROTOCOLS, [b"q7/x"]),
        (b"authorization.bearer.q7.r8,chat", Rule.PROTOCOLS, [b"q7.r8"]),
        (b"Bearer.q7", Rule.PROTOCOLS, [b"q7"]),
        (b"base64url.bearer.authorization.k8s.io.cTc, v4.k8s.io", Rule.PROTOCOLS, [b"cTc"]),
        (b"graphql-ws, header-eyJob3N0Ijoi", Rule.PROTOCOLS, [b"eyJob3N0Ijoi"]),
        (b"token, 0f1e2d3c4b5a, x", Rule.PROTOCOLS, [b"0f1e2d3c4b5a"]),
        (b"access_token,0f1e2d3c4b5a", Rule.PROTOCOLS, [b"0f1e2d3c4b5a"]),
        (b"token, graphql-ws", Rule.PROTOCOLS, []),
        (b"realtime, openai-beta.realtime-v1, openai-project.p1", Rule.PROTOCOLS, []),
        (b"graphql-transport-ws,v5.channel.k8s.io,header-x,mqtt", Rule.PROTOCOLS, []),
        (b"openai-insecure-api-key." + TOKEN, Rule.PROTOCOLS, []),
        (b"token, " + TOKEN, Rule.PROTOCOLS, []),
        (b",,", Rule.PROTOCOLS, []),
    ],
)
def test_headers(value: bytes, rule: Rule, expected: list[bytes]) -> None:
    finds = list(fields.header(value, rule, listed=True))
    assert [value[find.start : find.end] for find in finds] == expected


def test_counts_stay_where_the_name_only_looks_like_a_credential() -> None:
    assert list(fields.header(b"1024", Rule.STRONG, listed=False)) == []
    assert len(list(fields.header(b"1024", Rule.STRONG, listed=True))) == 1


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        (b"q", Rule.STRONG, [b"q"]),
        (b"Hello", Rule.WEAK, []),
        (b"a1b2c3d4e5", Rule.WEAK, [b"a1b2c3d4e5"]),
        (b"Bearer abc", Rule.SCHEME, [b"abc"]),
        (b"a=1", Rule.COOKIE, [b"1"]),
        (b"", Rule.STRONG, []),
    ],
)
def test_named_values(value: bytes, rule: Rule, expected: list[bytes]) -> None:
    assert [find.value for find in fields.named(value, rule)] == expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/mixed; Boundary="a; b"; x=y', b"a; b"),
        ("text/plain", b""),
    ],
)
def test_boundaries(content_type: str, expected: bytes) -> None:
    assert fields.boundary(content_type) == expected
