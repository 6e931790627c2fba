"""Bodies by their kind."""

import json

import pytest

from proxy.core.redaction import spans
from proxy.core.redaction.bodies import Bodies, ContentType, content_type
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Hit

SECRET = b"ghp_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2"
SPLIT = (SECRET[:4].decode(), SECRET[4:].decode())


def stars(hit: Hit) -> bytes:
    return b"***"


def redacted(data: bytes, media: str) -> bytes:
    bodies = Bodies(Scanner(Rules()), stars)
    return spans.apply(data, bodies.open(data, content_type(media.encode())).edits())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ContentType()),
        (b"Application/JSON; charset=UTF-8", ContentType("application/json", "utf-8")),
        (b'multipart/form-data; boundary="a b"', ContentType("multipart/form-data", "", b"a b")),
        (b"multipart/mixed;boundary=xy;z=1", ContentType("multipart/mixed", "", b"xy")),
    ],
)
def test_content_types(value: bytes | None, expected: ContentType) -> None:
    assert content_type(value) == expected


@pytest.mark.parametrize(
    ("media", "data", "expected"),
    [
        ("application/json", b'{"a": "%s"}' % SECRET, b'{"a": "***"}'),
        ("text/html", b"<b>%s</b>" % SECRET, b"<b>***</b>"),
        ("", b"\x89PNG %s\xff" % SECRET, b"\x89PNG ***\xff"),
        (
            "application/x-www-form-urlencoded",
            b"a=1&token=q1w2e3r4t5&b=%7B%22password%22%3A%22x+y%22%7D",
            b"a=1&token=***&b=%7B%22password%22%3A%22***%22%7D",
        ),
        (
            "multipart/form-data; boundary=B",
            b'--B\r\nContent-Disposition: form-data; name="secret"\r\n\r\nabc\r\n--B--\r\n',
            b'--B\r\nContent-Disposition: form-data; name="secret"\r\n\r\n***\r\n--B--\r\n',
        ),
    ],
)
def test_documents(media: str, data: bytes, expected: bytes) -> None:
    assert redacted(data, media) == expected


def records(form: str) -> list[str]:
    return [form % json.dumps({"index": 0, "text": piece}) for piece in SPLIT]


@pytest.mark.parametrize(
    ("media", "data"),
    [
        ("text/event-stream", "".join(records("data: %s\n\n"))),
        ("text/event-stream; charset=utf-8", "".join(records("event: x\r\ndata:%s\r\n\r\n"))),
        ("", "".join(records("data: %s\n\n"))),
        ("application/x-ndjson", "\n".join(records("%s"))),
        ("application/jsonl", "\r\n".join(records("%s"))),
        ("application/json", "\n".join(records("%s"))),
        ("application/json", "[" + ",\r\n".join(records("%s")) + "]"),
    ],
)
def test_streams_of_records_are_joined(media: str, data: str) -> None:
    expected = data.replace(SPLIT[0], "***").replace(SPLIT[1], "")
    assert redacted(data.encode(), media).decode() == expected


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16be", "utf-32"])
def test_wide_charsets(charset: str) -> None:
    text = f"é key {SECRET.decode()} end"
    data = text.encode(charset)
    new = redacted(data, f"text/plain; charset={charset}")
    assert new.decode(charset) == "é key *** end"
    clean = "é no key".encode(charset)
    assert redacted(clean, f"text/plain; charset={charset}") is not None
    assert redacted(clean, f"text/plain; charset={charset}") == clean


def test_messages() -> None:
    bodies = Bodies(Scanner(Rules()), stars)
    clean = [b"hello", b"", b"{}"]
    assert bodies.messages(clean).redacted() == clean
    pem = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
    assert bodies.messages([b"x " + pem, pem[:3], b"-- end"]).redacted() == [
        b"x ***",
        pem[:3],
        b"-- end",
    ]


def test_one_body_teaches_another() -> None:
    bodies = Bodies(Scanner(Rules()), stars)
    first = bodies.open(b"see plain-value-77 and 706c61696e2d76616c75652d3737", ContentType())
    second = bodies.open(b'{"password": "plain-value-77"}', ContentType())
    stream = bodies.messages([b'{"d": "plain-val"}', b'{"d": "ue-77"}'])
    assert [edit.new for edit in first.edits()] == [b"***", b"***"]
    assert [edit.new for edit in second.edits()] == [b"***"]
    assert stream.redacted() == [b'{"d": "***"}', b'{"d": ""}']


def test_nothing_in_nothing() -> None:
    assert redacted(b"", "application/json") == b""
