"""Streams of records."""

import json

import pytest

from proxy.core.redaction.records import Split, events
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Find
from proxy.core.redaction.streams import Stream

KEY = "xai-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"


def found(data: bytes, split: Split, *, alike: bool = True) -> list[tuple[bytes, list[bytes]]]:
    hits = Stream(data, split, alike=alike).hits(Scanner(Rules()).static)
    return [(hit.value, [data[start:end] for start, end in hit.ranges]) for hit in hits]


def stream(*records: object) -> bytes:
    return "".join(f"data: {json.dumps(record)}\n\n" for record in records).encode()


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


def test_of_a_name_given_twice_the_last_one_counts() -> None:
    data = b'data: {"d": "xai-Ab1Cd2Ef3G"}\n\ndata: {"d": "?", "d": "h4Ij5Kl6Mn7Op8"}\n\n'
    pieces = [b"xai-Ab1Cd2Ef3G", b"h4Ij5Kl6Mn7Op8"]
    assert (KEY.encode(), pieces) in found(data, events(data))


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
    for others in (1, 50):
        hello = [{"d": f"hello {number}"} for number in range(others)]
        data = stream(*hello, record, *hello)
        values = {value for value, _ in found(data, events(data))}
        assert values & {b"x1", KEY.encode()}
        assert values == {value for value, _ in found(data, events(data), alike=False)}


def test_what_all_messages_share_goes_from_all_of_them() -> None:
    data = stream(*({"id": KEY, "d": f"w{number}"} for number in range(50)))
    pieces = [pieces for value, pieces in found(data, events(data)) if value == KEY.encode()]
    assert len(pieces) == 50


@pytest.mark.parametrize(
    ("first", "second", "secret"),
    [
        ({"token": "Hello"}, {"token": "a1b2c3d4e5f6"}, b"a1b2c3d4e5f6"),
        ({"n": "color", "value": "red"}, {"n": "api_key", "value": "x1"}, b"x1"),
        ({"password": ""}, {"password": "x1"}, b"x1"),
        ({"authorization": ["none"]}, {"authorization": ["Bearer x1"]}, b"x1"),
    ],
)
def test_what_depends_on_names_is_read_each_time(
    first: dict[str, object], second: dict[str, object], secret: bytes
) -> None:
    data = stream(first, first, second, first)
    assert [value for value, _ in found(data, events(data))] == [secret]


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

    choices = [{"index": 0, "delta": {"content": " w"}}]
    data = stream(*({"id": "c-1", "model": "m", "n": n, "choices": choices} for n in range(200)))
    assert Stream(data, events(data), alike=True).hits(search) == []
    (digest,) = searched
    assert len(digest) < len(data) / 20
