"""Values after names, in any text."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core.redaction.pairs import cookie_values, find, unescape

TOKEN = b"SECRET-credential-0123456789ab"


def nested(value: str, depth: int) -> bytes:
    text = json.dumps({"a": 1, "password": value, "b": [2]})
    for _ in range(depth):
        text = json.dumps({"arguments": text})
    return text.encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(min_size=1, max_size=12), st.integers(0, 4))
def test_json_at_any_depth(value: str, depth: int) -> None:
    value = 'w1"\\' + value.replace("\ud800", "")
    value = value.encode("utf-8", "ignore").decode()
    data = nested(value, depth)
    (one,) = find(data)
    assert one.value == value.encode()
    # What is around the value is untouched, and is still JSON.
    left = json.loads(data[: one.start] + data[one.end :])
    for _ in range(depth):
        left = json.loads(left["arguments"])
    assert left == {"a": 1, "password": "", "b": [2]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"password" : "x1"}', [b"x1"]),
        (b'{"password":\n  "x1"}', [b"x1"]),
        (b"{'password': 'x1'}", [b"x1"]),
        (b'{"Authorization": "Bearer x1y2"}', [b"x1y2"]),
        (b'{"Authorization": ["Bearer x1y2"]}', [b"x1y2"]),
        (b'{"headers": {"Cookie": "a=v1; b=v2"}}', [b"v1", b"v2"]),
        (b'{"set-cookie": "sid=v1; Path=/"}', [b"v1"]),
        (b'[{"name": "DB_PASSWORD", "value": "s3"}]', [b"s3"]),
        (b'[{"key":"api_key","value":"s3"}]', [b"s3"]),
        (b'[{"name": "color", "value": "red7"}]', []),
        (b'{"credentials": {"value": "V4lue9xyz"}}', [b"V4lue9xyz"]),
        (b'{"a": "{\\"api_key\\": {\\"value\\": \\"V4lue\\"}}"}', [b"V4lue"]),
        (b'{"api_key": {"stringValue": "V4lue"}}', [b"V4lue"]),
        (b'{"value": "V4lue", "name": "api_key"}', [b"V4lue"]),
        (b'{"name": "api_key", "enabled": true, "value": "V4lue"}', [b"V4lue"]),
        (b'{"api_key": {"type": "string"}, "x": {"value": "V4lue"}}', []),
        (b'{"label": "tokens", "value": "V4lue9xyz"}', []),
        (b'{"credentials": {"value": "some words"}, "value": "x1"}', []),
        (b'{"password": "cut off', [b"cut off"]),
        (b'{"args": "{\\"password\\": \\"cut"', [b"cut"]),
        (b'{"args": "{\\"password\\": \\"cut"}', [b"cut"]),
        (b'{"password": 17, "secret": null, "api_key": {"type": "string"}}', []),
        (b'{"password": "", "secret": "***", "api_key": "<YOUR KEY>", "pwd": "${PW}"}', []),
        (b'{"token": "Hello", "logprob": -0.1}', []),
        (b'{"token": "a1b2c3d4e5f6"}', [b"a1b2c3d4e5f6"]),
        (b'{"required": ["password"], "auth": "bearer"}', []),
        (b'{"password": "%s"}' % TOKEN, []),
        (b'{"api_keys": ["q7x81", "r8y92"], "a": "s9z03"}', [b"q7x81", b"r8y92"]),
        (b'{"a": "{\\"passwords\\": [\\"q7\\\\n81\\", \\"r8y92\\"]}"}', [b"r8y92"]),
        (b'{"clientSecrets":[\n "q7x81w62v"\n]}', [b"q7x81w62v"]),
        (b'{"access_tokens": ["cut o1ff", "q7x81', [b"q7x81"]),
        (b'{"secrets": ["DB_PASSWORD", "api-key", "my_token"], "passwords": "x1y2"}', []),
        (b'{"tokens": ["Hello", "a1b2c3d4e5f6"], "max_tokens": 5, "api_keys": [1, 2]}', []),
        (b'{"api_keys": ["%s", "<your key>", {"id": "q7x81w62v"}]}' % TOKEN, []),
    ],
)
def test_json(data: bytes, expected: list[bytes]) -> None:
    assert [one.value for one in find(data)] == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"OPENAI_API_KEY=abc123\nPATH=/bin", [b"abc123"]),
        (b"export MYSQL_PASSWORD=letmein", [b"letmein"]),
        (b"text\\nMYSQL_PASSWORD=letmein\\nX=1", [b"letmein"]),
        (b'"DB_PASSWORD=letmein"', [b"letmein"]),
        (b'os.environ["API_KEY"] = "abc123"', [b"abc123"]),
        (b"Server=db;User Id=sa;Password=letmein;Encrypt=yes", [b"letmein"]),
        (b"AccountName=x;AccountKey=YWJj+Zw==;EndpointSuffix=y", [b"YWJj+Zw=="]),
        (b"Driver=x;Pwd={le;t}}me};Server=y", [b"le;t}me"]),
        (b"PWD={V4lue9x}", [b"V4lue9x"]),
        (b"n.password={value:t},a={};b=c", []),
        (b"<Field password={user.password} token={get(a1b2c3d4)} />", []),
        (b"password={{ db_password_2 }} password={} Pwd={%s};" % TOKEN, []),
        (b"password: hunter2", [b"hunter2"]),
        (b'password: "hunter2"', [b"hunter2"]),
        (b"password = get_password()", []),
        (b"password = config.password", []),
        (b"password=DB_PASSWORD_2", []),
        (b"api_key=os.environ['X']", []),
        (b"Password: at least 8 characters", []),
        (b"password: required", []),
        (b"PASSWORD=%s" % TOKEN, []),
    ],
)
def test_assignments(data: bytes, expected: list[bytes]) -> None:
    assert [one.value for one in find(data)] == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Authorization: Basic dXNlcjpwYXNz\r\nHost: x", [b"dXNlcjpwYXNz"]),
        (b'curl -H "Authorization: Bearer a1b2c3" https://x', [b"a1b2c3"]),
        (b"Authorization: Bearer a1b2c3 is not valid", [b"a1b2c3"]),
        (b"authorization: Digest user=x, response=y1", [b"user=x, response=y1"]),
        (b"authorization: none", []),
        (b"Authorization: Bearer %s" % TOKEN, []),
        (b"Cookie: a=1x; b=2y\n", [b"1x", b"2y"]),
        (b"Set-Cookie: sid=1x; Path=/\n", [b"1x"]),
        (b"x-api-key: a1b2c3d4", [b"a1b2c3d4"]),
    ],
)
def test_header_lines(data: bytes, expected: list[bytes]) -> None:
    assert [one.value for one in find(data)] == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET /x?a=1&api_key=k1 HTTP/1.1", [b"k1"]),
        (b"https://x/?key=a1b2c3d4e5&code=US", [b"a1b2c3d4e5"]),
        (b"https://x/?sig=a%2Fb%3D&se=2026", [b"a/b="]),
        (b"https://x/?pageToken=a1b2c3d4e5f6", []),
    ],
)
def test_urls(data: bytes, expected: list[bytes]) -> None:
    assert [one.value for one in find(data)] == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<Password>x1</Password>", [b"x1"]),
        (b"<sts:SecretAccessKey>wJalr/K7</sts:SecretAccessKey>", [b"wJalr/K7"]),
        (b"<password></password>", []),
        (b"<input name=password>text</input>", []),
        (b"a password> b </x>", []),
    ],
)
def test_xml(data: bytes, expected: list[bytes]) -> None:
    assert [one.value for one in find(data)] == expected


@pytest.mark.parametrize(
    ("value", "times", "expected"),
    [
        (b"plain", 3, b"plain"),
        (b'a\\n\\t\\"\\\\\\/', 1, b'a\n\t"\\/'),
        (b"\\u00e9\\u20ac", 1, "é€".encode()),
        (b"\\\\n", 1, b"\\n"),
        (b"\\\\n", 2, b"\n"),
        (b"\\ud83d\\ude00", 1, "😀".encode()),
    ],
)
def test_unescape(value: bytes, times: int, expected: bytes) -> None:
    assert unescape(value, times) == expected


def test_cookies_without_values() -> None:
    assert list(cookie_values(b"a; b=; ;c", first_only=False)) == []


@pytest.mark.parametrize(
    "pair", [b"token=a1", b"api_key=9x:", b"DB_PASSWORD=b2", b"Authorization: c3d4e5f6 "]
)
def test_names_within_values_cost_no_square(pair: bytes) -> None:
    """All of it is found, in values that together are not much longer than the text."""
    text = pair * 2000
    found = list(find(text))
    assert found
    assert sum(len(one.value) for one in found) < 20 * len(text)
    covered = max(one.end for one in found)
    assert covered >= len(text) - 2
