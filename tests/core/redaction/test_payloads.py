"""Payloads of an exchange, one by one."""

import gzip

import pytest

from proxy.core.model import Body, Frame, Part
from proxy.core.redaction import payloads, spans
from proxy.core.redaction.bodies import Bodies
from proxy.core.redaction.payloads import OpenBody, OpenFrames
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner

SECRET = b"pplx-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"


def bodies() -> Bodies:
    return Bodies(Scanner(Rules()), lambda _: b"***")


def redacted(data: bytes, *headers: tuple[bytes, bytes]) -> tuple[Body, tuple[str, ...]]:
    body = Body(data, (Part(0, 3), Part(1, len(data) - 3)), ((b"x", b"y"),))
    return OpenBody(bodies(), body, headers, "response").redacted()


def test_plain_bodies() -> None:
    body, notes = redacted(b"a key: " + SECRET + b".")
    assert body == Body(b"a key: ***.", (Part(0, 3), Part(1, 8)), ((b"x", b"y"),))
    assert notes == ()


def test_untouched_bodies_are_the_same_object() -> None:
    body = Body(b"nothing", (Part(0, 7),))
    assert OpenBody(bodies(), body, (), "request").redacted()[0] is body
    data = gzip.compress(b"nothing")
    body = Body(data, (Part(0, len(data)),))
    headers = ((b"content-encoding", b"gzip"),)
    assert OpenBody(bodies(), body, headers, "request").redacted()[0] is body


def test_encoded_bodies() -> None:
    body, notes = redacted(gzip.compress(SECRET), (b"Content-Encoding", b"gzip"))
    assert gzip.decompress(body.data) == b"***"
    assert sum(part.size for part in body.parts) == len(body.data)
    assert body.trailers == ((b"x", b"y"),)
    assert notes == ("response body encoded anew after redaction",)


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"exi", b"gzip, gzip"])
def test_what_the_coding_does_not_explain_is_searched_as_it_is(coding: bytes) -> None:
    body, notes = redacted(b"plain " + SECRET, (b"content-encoding", coding))
    assert body.data == b"plain ***"
    assert notes == ()


def test_damage_is_said_and_what_is_beyond_it_searched() -> None:
    data = gzip.compress(b"nothing") + b" trailing " + SECRET
    assert redacted(data, (b"content-encoding", b"gzip"))[0].data.endswith(b" trailing ***")


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "LIMIT", 100)
    assert redacted(b"x" * 101) == (Body(), ("response body dropped: over 100 bytes",))
    bomb = redacted(gzip.compress(b"x" * 101), (b"content-encoding", b"gzip"))
    assert bomb == (Body(), ("response body dropped: gzip over 100 bytes",))


def test_failures_drop_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(spans, "apply", broken)
    expected = (Body(), ("response body dropped: redaction failed (ValueError)",))
    assert redacted(SECRET) == expected


def test_frames_of_both_sides() -> None:
    frames = (
        Frame(1, True, 1, SECRET[:9]),
        Frame(2, False, 1, SECRET[9:]),
        Frame(3, True, 2, SECRET[9:]),
        Frame(4, False, 9, SECRET),
        Frame(5, False, 8, b"\x03\xe8" + SECRET),
    )
    done, notes = OpenFrames(bodies(), frames).redacted(lambda data: data.replace(SECRET, b"+++"))
    assert [frame.data for frame in done] == [b"***", SECRET[9:], b"", b"+++", b"\x03\xe8+++"]
    assert notes == ()
    clean = (Frame(1, True, 1, b"x"), Frame(2, True, 8, b"\x03\xe8"))
    assert OpenFrames(bodies(), clean).redacted(lambda data: data) == (clean, ())


def test_gzip_that_no_header_tells_of_is_searched_too() -> None:
    body, notes = redacted(gzip.compress(b"a key: " + SECRET))
    assert gzip.decompress(body.data) == b"a key: ***"
    assert len(notes) == 1
    data = gzip.compress(b"nothing")
    untouched = Body(data, (Part(0, len(data)),))
    assert OpenBody(bodies(), untouched, (), "request").redacted()[0] is untouched
    body, _ = redacted(b"\x1f\x8b\x08 is no gzip: " + SECRET)
    assert SECRET not in body.data
