# ruff: noqa: S311 - the same data each time, not secrets
import random

import zstandard

from proxy.stores import zstreams
from proxy.stores.zstreams import Packed, Streams

NOISE = random.Random(1).randbytes(3000)


def read(chain: list[Packed]) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(b"".join(x.data for x in chain))


def test_a_run_goes_on_where_it_was() -> None:
    streams = Streams()
    chain = [streams.compress(1, blob, NOISE + bytes([blob])) for blob in range(5)]
    assert [packed.after for packed in chain] == [None, 0, 1, 2, 3]
    assert read(chain) == b"".join(NOISE + bytes([blob]) for blob in range(5))
    assert all(len(packed.data) < 40 for packed in chain[1:])  # the noise was seen before


def test_runs_do_not_see_each_other() -> None:
    streams = Streams()
    one = [streams.compress(1, 1, NOISE)]
    other = [streams.compress(2, 2, NOISE)]
    one.append(streams.compress(1, 3, b"more"))
    assert [packed.after for packed in (*one, *other)] == [None, 1, None]
    assert len(other[0].data) > 3000
    assert (read(one), read(other)) == (NOISE + b"more", NOISE)


def test_a_chain_ends_so_that_no_read_goes_far_back() -> None:
    streams = Streams()
    starts = [n for n in range(600) if streams.compress(1, n, b"x").after is None]
    assert starts == [0, 128, 256, 384, 512]
    starts = [n for n in range(600) if streams.compress(2, n, bytes(10_000)).after is None]
    assert starts[:3] == [0, 53, 106]


def test_what_is_large_stands_alone() -> None:
    streams = Streams()
    streams.compress(1, 1, b"a")
    large = streams.compress(1, 2, bytes(70_000))
    assert large.after is None
    assert zstandard.decompress(large.data) == bytes(70_000)
    assert streams.compress(1, 3, b"a").after == 1


def test_many_runs_take_turns() -> None:
    """No more streams than a few are open; a run that is quiet makes place."""
    streams = Streams()
    first = [streams.compress(run, run, b"data %d" % run) for run in range(40)]
    assert all(zstandard.ZstdDecompressor().decompressobj().decompress(x.data) for x in first)
    assert len(streams._open) == 24
    for blob in range(100, 200):
        streams.compress(1, blob, b"x")
    assert streams.compress(39, 300, b"x").after is None
    assert streams.compress(39, 301, b"x").after == 300


def test_what_is_forgotten_is_not_gone_on_with() -> None:
    streams = Streams()
    streams.compress(1, 1, NOISE)
    streams.forget()
    again = streams.compress(1, 2, NOISE)
    assert again.after is None
    assert read([again]) == NOISE


def test_alone() -> None:
    assert zstandard.decompress(zstreams.alone(b"data")) == b"data"
