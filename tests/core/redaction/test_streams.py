"""Streams of records."""

import json

import pytest

from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Find
from proxy.core.redaction.streams import Record, Split, Streams, events, json_lines, messages

KEY = "xai-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"


def found(data: bytes, split: Split, *, thorough: bool = False) -> list[tuple[bytes, list[bytes]]]:
    hits = Streams(Scanner(Rules()).find).find(data, split, thorough=thorough)
    return [(hit.value, [data[start:end] for start, end in hit.ranges]) for hit in hits]


def stream(*records: object) -> bytes:
    return "".join(f"data: {json.dumps(record)}\n\n" for record in records).encode()


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_events(newline: bytes) -> None:
    lines = (
        b": hi",
        b"event: x",
        b'data: {"a":1}',
        b"",
        b"data:two",
        b"data: lines",
        b"",
        b"data: cut",
    )
    split = events(newline.join(lines))
    assert [record.payload for record in split.records] == [b'{"a":1}', b"two\nlines", b"cut"]
    assert {line.strip() for line in split.rest} == {b": hi", b"event: x"}
    data = newline.join(lines)
    places = [data[start:end] for start, end in split.records[1].places(1, 7)]
    assert places == [b"wo", b"lin"]


def test_json_lines() -> None:
    data = b'{"a":1}\r\n\n  {"b":2}\n{"c'
    split = json_lines(data)
    assert [record.payload for record in split.records] == [b'{"a":1}', b'{"b":2}', b'{"c']
    for record in split.records:
        ((start, end),) = record.places(0, len(record.payload))
        assert data[start:end] == record.payload


def test_messages() -> None:
    data, split = messages([b"one", b"", b"two"])
    assert data == b"one\n\ntwo"
    assert [record.at for record in split.records] == [((0, 0),), ((0, 4),), ((0, 5),)]


@pytest.mark.parametrize("cut", range(1, len(KEY)))
def test_a_key_cut_anywhere(cut: int) -> None:
    data = stream({"d": "a "}, {"d": KEY[:cut]}, {"d": ""}, {"d": KEY[cut:]}, {"d": " b"})
    pieces = [KEY[:cut].encode(), KEY[cut:].encode()]
    assert (KEY.encode(), pieces) in found(data, events(data))


def test_escapes_and_other_scripts_before_the_key() -> None:
    data = b'data: {"d":"\\ud83d\\ude00 \\u00e9\\n\xc3\xa9xa"}\n\n' + stream({"d": KEY[2:] + "\n"})
    data = data.replace(b"\xa9xa", b"\xa9 xa")
    assert (KEY.encode(), [b"xa", KEY[2:].encode()]) in found(data, events(data))


def test_streams_of_different_texts_are_not_mixed() -> None:
    data = stream({"index": 0, "d": KEY[:9]}, {"index": 1, "d": KEY[9:]})
    assert found(data, events(data)) == []


def test_a_password_in_streamed_arguments() -> None:
    pieces = ('{"us', 'er": "x", "pass', 'word": "q', "1", 'w2"}')
    data = stream(*({"index": 0, "partial_json": piece} for piece in pieces))
    assert found(data, events(data)) == [(b"q1w2", [b"q", b"1", b"w2"])]


@pytest.mark.parametrize(
    "data",
    [
        b"data: xai-Ab1Cd2Ef3G\n\ndata: h4Ij5Kl6Mn7Op8\n\n",
        b'data: "xai-Ab1Cd2Ef3G"\n\ndata: "h4Ij5Kl6Mn7Op8"\n\n',
        b'data: {"d": "xai-Ab1Cd2Ef3G"}\n\ndata: {"d": "h4Ij5Kl6Mn7Op8\n\n',
        b'data: {"d": "xai-Ab1Cd2Ef3G", "b": \xff}\n\ndata: {"d": "h4Ij5Kl6Mn7Op8"}\n\n',
        b'data: {"a":1,\ndata: "d":"xai-Ab1Cd2Ef3G"}\n\ndata: {"a":1,"d":"h4Ij5Kl6Mn7Op8"}\n\n',
    ],
)
def test_plain_text_and_broken_records(data: bytes) -> None:
    expected = (KEY.encode(), [b"xai-Ab1Cd2Ef3G", b"h4Ij5Kl6Mn7Op8"])
    assert expected in found(data, events(data))


def test_a_name_given_twice_costs_the_record() -> None:
    data = b'data: {"d": "xai-Ab1Cd2Ef3G"}\n\ndata: {"d": "?", "d": "h4Ij5Kl6Mn7Op8"}\n\n'
    (hit,) = [pieces for value, pieces in found(data, events(data)) if value == KEY.encode()]
    assert hit[0] == b"xai-Ab1Cd2Ef3G"
    assert b"h4Ij5Kl6Mn7Op8" in hit[1]


@pytest.mark.parametrize(
    "record",
    [
        {"password": "x1"},
        {"a": [{"name": "api_key", "value": "x1"}]},
        {"headers": {"Authorization": ["Bearer x1"]}},
        {"note": KEY},
        {"arguments": json.dumps({"password": "x1"})},
        {KEY: 1},
    ],
)
def test_the_digest_misses_nothing(record: dict[str, object]) -> None:
    data = stream({"d": "hello"}, record, {"d": "x"})
    values = {value for value, _ in found(data, events(data))}
    assert values & {b"x1", KEY.encode()}
    assert found(data, events(data)) == found(data, events(data), thorough=True)


@pytest.mark.parametrize(
    "line", [b"event: %s\n", b"id: %s\n", b": %s\n", b"%s\n", b'{"error": "%s"}\n']
)
def test_lines_that_are_no_data(line: bytes) -> None:
    data = line % KEY.encode() + stream({"d": "x"})
    assert KEY.encode() in {value for value, _ in found(data, events(data))}


def test_clean_streams_are_searched_once_and_small() -> None:
    searched: list[bytes] = []

    def search(data: bytes) -> list[Find]:
        searched.append(data)
        return []

    data = stream(
        *(
            {
                "id": "chatcmpl-1",
                "model": "m",
                "choices": [{"index": 0, "delta": {"content": " w"}}],
            }
            for _ in range(200)
        )
    )
    assert Streams(search).find(data, events(data), thorough=False) == []
    (digest,) = searched
    assert len(digest) < len(data) / 20


def test_places_over_segments() -> None:
    record = Record(b"abc\ndef\nghi", ((0, 10), (4, 20), (8, 30)))
    assert list(record.places(0, 11)) == [(10, 13), (20, 23), (30, 33)]
    assert list(record.places(5, 6)) == [(21, 22)]
    assert list(record.places(8, 11)) == [(30, 33)]
