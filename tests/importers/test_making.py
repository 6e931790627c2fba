from io import BytesIO

import pytest

from proxy.core.model import End
from proxy.errors import RecordingFormatError
from proxy.importers import _making
from tests.core.recorded import exchange


def test_urls() -> None:
    head = _making.request_head("get", "wss://[::1]:9/a?b", ())
    assert head is not None
    assert (head.method, head.scheme, head.host, head.port, head.target) == (
        "GET",
        "wss",
        "::1",
        9,
        "/a?b",
    )
    plain = _making.request_head("GET", "http://x", ())
    assert plain is not None
    assert (plain.port, plain.target) == (80, "/")
    for url in ("", "x", "file:///etc/passwd", "http://", "http://x:99999/", "http://[x/"):
        assert _making.request_head("GET", url, ()) is None


def test_headers_stay_on_their_line() -> None:
    pairs = [("a\r\nb: 1", "2\n3"), (":path", "/"), ("", "x"), (1, "x"), ("é", "€")]
    assert _making.header_pairs(pairs) == (
        (b"ab: 1", b"23"),
        ("é".encode("latin-1"), "€".encode()),
    )


def test_answers() -> None:
    head = _making.response_head(101, "", ((b"Connection", b"upgrade"),), 0)
    assert head is not None
    assert head.headers == ()
    assert _making.response_head(99, "", (), 0) is None
    assert _making.response_head(1000, "", (), 0) is None


def test_times() -> None:
    assert [_making.micros(at) for at in (1.5, -1, "x", None, float("nan"), 1e300)] == [
        *(1500, 0, 0, 0, 0),
        1 << 40,
    ]


def test_ends() -> None:
    assert _making.end_of("client_gone") is End.CLIENT_GONE
    assert _making.end_of("x") is None


def test_files_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_making, "MAX_FILE", 1 << 20)
    assert len(_making.read_all(BytesIO(b"x" * (1 << 20)))) == 1 << 20
    with pytest.raises(RecordingFormatError, match="larger than 1 MiB"):
        _making.read_all(BytesIO(b"x" * ((1 << 20) + 1)))


def test_notes_are_counted() -> None:
    notes = _making.Notes()
    for what in ("a", "b", "a"):
        notes.add(what)
    assert notes.lines() == ["a (2)", "b (1)"]


def test_a_run_has_an_id_of_its_content() -> None:
    one = _making.snapshot("har", "../a b.har", b"1", [exchange(9)], _making.Notes())
    other = _making.snapshot("har", "../a b.har", b"2", [], _making.Notes())
    assert one.run.id == "a-b-6b86b273ff"
    assert other.run.id != one.run.id
    assert (one.exchanges[0].id, one.exchanges[0].seq) == ("a-b-6b86b273ff-1", 1)
    assert one.run.ended_at is not None
    assert one.run.ended_at > one.run.started_at
