"""What cannot be redacted is dropped, and hostile bodies are survived."""

import gzip

import pytest

from proxy.core.model import Body, Frame, Headers
from proxy.core.redaction import payloads
from proxy.core.redaction.bodies import Bodies, Messages
from proxy.core.redaction.redactor import Redactor
from proxy.core.redaction.rules import Rules
from tests.core.redaction.matrix import (
    JSON,
    exchange,
)

KEY = bytes(range(32))
SSE: Headers = ((b"content-type", b"text/event-stream"),)


def fresh(rules: Rules | None = None) -> Redactor:
    return Redactor(KEY, rules)


@pytest.mark.parametrize("when", ["open", "plan"])
def test_a_body_that_cannot_be_redacted_is_dropped(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(Bodies, when, broken)
    planted = exchange(
        body=b"secret",
        headers=((b"content-length", b"6"),),
        frames=(Frame(1, True, 1, b"hidden"), Frame(2, True, 8, b"\x03\xe8")),
    )
    monkeypatch.setattr(Messages, "__init__" if when == "open" else "redacted", broken)
    done = fresh().exchange(planted)
    assert done.request_body == Body()
    assert done.request.headers[0] == (b"content-length", b"0")
    assert done.frames == (Frame(1, True, 1, b""), Frame(2, True, 8, b"\x03\xe8"))
    assert done.notes == (
        "request body dropped: redaction failed (RecursionError)",
        "request content-length set to 0 by redaction",
        "client messages dropped: redaction failed (RecursionError)",
    )


def test_a_body_over_the_limit_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "LIMIT", 1000)
    bomb = exchange(
        body=b"x" * 1001,
        answer=gzip.compress(b"x" * 2000),
        answer_headers=((b"content-encoding", b"gzip"),),
    )
    done = fresh().exchange(bomb)
    assert done.request_body.data == b""
    assert done.response_body.data == b""
    assert done.notes == (
        "request body dropped: over 1000 bytes",
        "response body dropped: gzip over 1000 bytes",
    )


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'data: {"a":' + b"[" * 50_000 + b"\n\n" + b'data: {"delta": "x"}\n\n',
        b'"' + b"\\" * 100_000,
        b'{"password":"' * 1_000,
        b"eyJ" * 10_000,
        b"-----BEGIN RSA PRIVATE KEY-----" * 300,
        b"sk-" * 10_000,
        b"a@" * 20_000,
        b"://a:" * 10_000,
        b"\\u0073\\u006b" * 5_000,
        b"x=1&" * 10_000,
        b"{\n" * 10_000,
    ],
)
def test_hostile_bodies_are_survived(data: bytes) -> None:
    for headers in ((), JSON, SSE, ((b"content-type", b"application/x-www-form-urlencoded"),)):
        done = fresh().exchange(exchange(body=data, headers=headers))
        assert not any("dropped" in note for note in done.notes)
