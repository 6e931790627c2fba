"""Compression with the run's past at hand.

The blobs of a run continue one zstd stream, each ending at a flush: a few new kilobytes are
compressed as well as if they stood behind all that the run has said before. `after` names the blob
that has to be read before. A stream ends after a while, so that no read has to go far back.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import zstandard

_LEVEL = 1
_WINDOW_LOG = 18
_CHAIN_BYTES = 512 * 1024  # uncompressed
_CHAIN_ROWS = 128
_STREAMED = 64 * 1024  # what is larger has enough of its own, and stands alone
_OPEN = 24  # streams, 0.8 MB each
_IDLE = 64  # blobs after which a stream makes place for another run's

_PARAMETERS = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_LAZY,
    window_log=_WINDOW_LOG,
    hash_log=16,
    chain_log=16,
    search_log=3,
    min_match=5,
    write_content_size=False,
)


def alone(data: bytes) -> bytes:
    """The bytes of a blob that continues no other."""
    return zstandard.compress(data, _LEVEL)


class Packed(NamedTuple):
    """A blob's bytes, and the blob whose stream they continue."""

    data: bytes
    after: int | None


@dataclass(slots=True)
class _Stream:
    compressor: zstandard.ZstdCompressor
    running: Any  # zstandard has no name for it
    last: int | None = None
    size: int = 0
    rows: int = 0
    used: int = 0


class Streams:
    """The open streams, one per run that is writing."""

    def __init__(self) -> None:
        self._alone = zstandard.ZstdCompressor(level=_LEVEL)
        self._spare: list[zstandard.ZstdCompressor] = []
        self._open: dict[int, _Stream] = {}
        self._clock = 0

    def forget(self) -> None:
        """Ends all streams: what they have seen may not be stored."""
        for run in list(self._open):
            self._end(run)

    def compress(self, run: int, blob: int, data: bytes) -> Packed:
        """The bytes of blob number `blob` of `run`."""
        self._clock += 1
        stream = self._stream(run) if len(data) <= _STREAMED else None
        if stream is None:
            return Packed(self._alone.compress(data), None)
        packed = stream.running.compress(data)
        packed += stream.running.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        after, stream.last = stream.last, blob
        stream.size += len(data)
        stream.rows += 1
        stream.used = self._clock
        if stream.size > _CHAIN_BYTES or stream.rows >= _CHAIN_ROWS:
            self._end(run)
        return Packed(packed, after)

    def _stream(self, run: int) -> _Stream | None:
        stream = self._open.get(run)
        if stream is None:
            if len(self._open) >= _OPEN:
                oldest = min(self._open, key=lambda key: self._open[key].used)
                if self._clock - self._open[oldest].used < _IDLE:
                    return None
                self._end(oldest)
            compressor = (
                self._spare.pop()
                if self._spare
                else zstandard.ZstdCompressor(compression_params=_PARAMETERS)
            )
            stream = self._open[run] = _Stream(compressor, compressor.compressobj())
        return stream

    def _end(self, run: int) -> None:
        self._spare.append(self._open.pop(run).compressor)
