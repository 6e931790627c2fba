"""Content codings, both ways; what is damaged, cut off or a bomb."""

import gzip
import zlib

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core import encoding
from proxy.core.encoding import Decoded, decode, encode

CODINGS = ("gzip", "x-gzip", "deflate", "br", "zstd")
STACKS = (*CODINGS, "identity", "", None, "gzip, br", "zstd ,GZIP,  br", "identity, deflate")
TEXT = b"The quick brown fox. " * 400 + bytes(range(256)) * 20
slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def raw_deflate(data: bytes) -> bytes:
    z = zlib.compressobj(wbits=-15)
    return z.compress(data) + z.flush()


@slow
@given(st.binary(max_size=3000), st.sampled_from(STACKS))
def test_what_was_encoded_comes_back(data: bytes, coding: str | None) -> None:
    assert decode(encode(data, coding), coding) == Decoded(data)


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("gzip", gzip.compress(TEXT) + bytes(9)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("br", brotli.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT[:99]) + zstandard.compress(TEXT[99:])),
        ("gzip, zstd", zstandard.compress(gzip.compress(TEXT))),
    ],
)
def test_what_others_encode_is_read(coding: str, data: bytes) -> None:
    assert decode(data, coding) == Decoded(TEXT)


@slow
@given(st.sampled_from(CODINGS), st.data())
def test_a_cut_body_decodes_as_far_as_it_goes(coding: str, draw: st.DataObject) -> None:
    whole = encode(TEXT, coding)
    cut = draw.draw(st.integers(1, len(whole) - 1))
    found = decode(whole[:cut], coding)
    assert TEXT.startswith(found.data)
    assert not found.complete
    assert found.note == f"{coding.removeprefix('x-')} is cut off"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_most_of_a_cut_body_is_there(coding: str) -> None:
    text = b"".join(str(number * number).encode() for number in range(20_000))
    found = decode(encode(text, coding)[:-10], coding)
    assert len(found.data) > 0.9 * len(text)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_what_follows_the_end_is_said_and_costs_nothing(coding: str) -> None:
    found = decode(encode(TEXT, coding) + b"trailing", coding)
    assert found.data == TEXT
    assert not found.complete
    assert found.note is not None
    assert found.note.startswith(f"{coding} is damaged")


def test_a_wrong_checksum_keeps_the_text() -> None:
    damaged = bytearray(gzip.compress(TEXT))
    damaged[-6] ^= 1
    found = decode(bytes(damaged), "gzip")
    assert found.data == TEXT
    assert not found.complete


@slow
@given(st.binary(max_size=300), st.text(max_size=30) | st.sampled_from(STACKS))
def test_nothing_raises(data: bytes, coding: str | None) -> None:
    decode(data, coding, limit=1000)


@slow
@given(st.sampled_from(CODINGS), st.integers(0, 2000), st.integers(1, 255))
def test_one_damaged_byte_raises_nothing(coding: str, at: int, change: int) -> None:
    damaged = bytearray(encode(TEXT, coding))
    damaged[at % len(damaged)] ^= change
    decode(bytes(damaged), coding)


@pytest.mark.parametrize("coding", [*CODINGS, "gzip, gzip", "zstd, br"])
def test_a_bomb_stops_at_the_limit(coding: str) -> None:
    bomb = encode(bytes(6_000_000), coding)
    assert len(bomb) < 100_000
    found = decode(bomb, coding, limit=200_000)
    assert found.data == bytes(200_000)
    assert not found.complete
    assert found.note is not None
    assert found.note.endswith("over 200000 bytes")


def test_a_body_may_not_grow_out_of_all_proportion() -> None:
    bomb = encode(bytes(33 << 20), "gzip")
    assert len(bomb) < 40_000
    assert len(decode(bomb, "gzip").data) == encoding.room(len(bomb)) == 32 << 20
    assert (encoding.room(1 << 20), encoding.room(1 << 30)) == (50 << 20, encoding.LIMIT)


@pytest.mark.parametrize(
    ("coding", "note"),
    [
        ("compress", "unknown content coding 'compress'"),
        ("gzip, exi", "unknown content coding 'exi'"),
        (", ".join(["gzip"] * 9), "more than 8 content codings"),
    ],
)
def test_what_is_not_understood_stays(coding: str, note: str) -> None:
    assert decode(b"as it is", coding) == Decoded(b"as it is", complete=False, note=note)


def test_an_answer_without_body_is_whole() -> None:
    assert decode(b"", "gzip") == Decoded(b"")


def test_plain_data_under_a_coding_is_damaged_not_lost() -> None:
    found = decode(b'{"plain": true}', "gzip")
    assert found.data == b""
    assert not found.complete


def test_encoding_is_the_same_each_time() -> None:
    assert encode(TEXT, "gzip") == encode(TEXT, "gzip")


def test_an_unknown_coding_cannot_be_applied() -> None:
    with pytest.raises(ValueError, match="unknown content coding 'exi'"):
        encode(b"", "exi")


def test_codings_are_listed_in_their_order() -> None:
    assert encoding.codings(" GZIP, identity,br ,") == ["gzip", "br"]
