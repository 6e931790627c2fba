import gzip

import pytest

from proxy.cli._bodies import body_lines, frame_lines
from proxy.cli._print import Line
from proxy.core.model import Body, Headers, Part
from tests.cli.samples import STREAM, socket_call, streamed

JSON: Headers = ((b"content-type", b"application/json; charset=utf-8"),)
SSE: Headers = ((b"content-type", b"text/event-stream"),)


def text(lines: list[Line]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def shown(headers: Headers, body: Body | bytes) -> list[str]:
    return text(list(body_lines(headers, body if isinstance(body, Body) else Body(body))))


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b'{"a":"\\u00e9","b":[1]}', ["{", '  "a": "é",', '  "b": [', "    1", "  ]", "}"]),
        (b'{"a":', ['{"a":']),
        (b"[" * 100_000, ["[" * 100_000]),
        (b"1" * 5000, ["1" * 5000]),
        (b"a\r\n\tb\x1b[2J\n", ["a", "    b\\x1b[2J"]),
    ],
)
def test_text_and_json(data: bytes, lines: list[str]) -> None:
    assert shown(JSON, data) == lines


def test_binary_is_a_hex_dump_of_its_head() -> None:
    lines = shown(((b"content-type", b"image/png"),), b"\x89PNG\0" + bytes(300))
    assert lines[0] == "(image/png, 305 B)"
    assert lines[1].startswith("00000000  89 50 4e 47 00 ")
    assert lines[1].endswith(".PNG............")
    assert lines[-1] == "… 49 B more"
    assert len(lines) == 18


def test_content_encoding_is_taken_off() -> None:
    coded = gzip.compress(b'{"a":1}')
    lines = shown((*JSON, (b"Content-Encoding", b"gzip")), coded)
    assert lines == [f"(gzip: {len(coded)} B for 7 B)", "{", '  "a": 1', "}"]
    cut = shown((*JSON, (b"content-encoding", b"gzip")), coded[:-4])
    assert "(gzip is cut off)" in cut


@pytest.mark.parametrize("gzipped", [False, True])
def test_events_of_a_stream_have_their_arrival_times(gzipped: bool) -> None:
    headers = (*SSE, (b"content-encoding", b"gzip")) if gzipped else SSE
    lines = shown(headers, streamed(STREAM, gzipped=gzipped))
    assert lines[gzipped:] == [
        "   100 ms  delta  {",
        '             "text": "Hi"',
        "           }",
        "   250 ms  [DONE]",
    ]


def test_an_event_that_came_in_pieces_has_the_time_of_its_last() -> None:
    body = Body(b"data: x\n\n", (Part(1_000, 3), Part(7_000, 5), Part(9_000, 1)))
    assert shown(SSE, body) == ["   9.0 ms  x"]


def test_a_stream_that_was_cut_and_lines_that_are_no_field() -> None:
    assert shown(SSE, b'data: a\n\n{"error": 1}\ndata: b') == [
        "        ?  a",
        "        ?  b",
        "           (the stream ended inside this event)",
        "           lines that are no field:",
        "           {",
        '             "error": 1',
        "           }",
    ]


def test_trailers_follow_the_body() -> None:
    body = Body(b"x", trailers=((b"Checksum", b"abc"),))
    assert shown((), body) == ["x", "Checksum: abc"]


def test_frames() -> None:
    assert text(list(frame_lines(socket_call().frames))) == [
        "   1.0 ms  client →  text  16 B",
        "           {",
        '             "type": "hello"',
        "           }",
        "   2.5 ms  ← server  binary  20 B",
        "           (binary, 20 B)",
        "           00000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................",
        "           00000010  10 11 12 13                                      ....",
        "   9.0 ms  ← server  close  5 B",
        "           1000 bye",
    ]


def test_times_that_would_take_too_long_to_find_are_left_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.cli._bodies._PREFIX_WORK", 10)
    headers = (*SSE, (b"content-encoding", b"gzip"))
    assert "        ?  [DONE]" in shown(headers, streamed(STREAM, gzipped=True))
