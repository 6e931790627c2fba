"""A recording's file of which exchanges are read when they are needed, not kept in memory."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from proxy.core import recording
from proxy.core.model import Event, Exchange, Run
from proxy.errors import RecordingFormatError
from proxy.importers import dashcam

_BUFFER: Final = 1 << 20  # lines are long
_SNIFFED: Final = 64 * 1024


class _Line(NamedTuple):
    """Where an exchange stands in the file, and the checksum of its line as it was."""

    offset: int
    size: int
    crc: int


class RecordingFile:
    """One file. Errors are RecordingFormatError and name it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, _Line] = {}
        with path.open("rb", buffering=_BUFFER) as file:
            first = next(self._read(file))
        assert isinstance(first, recording.Header)  # noqa: S101 - it comes first, or `read` raises
        self._header = first

    @property
    def run(self) -> Run:
        """The recorded run, with its ignore rules."""
        return recording.with_ignore_rules(self._header.run, self._header.ignore)

    def exchanges(self) -> Iterator[Exchange]:
        """Every exchange in order; one that has another's id, by hand, gets one of its own."""
        self._lines.clear()
        at = _Line(0, 0, 0)

        def lines(file: BinaryIO) -> Iterator[bytes]:
            nonlocal at
            for line in file:
                at = _Line(at.offset + at.size, len(line), zlib.crc32(line))
                yield line

        with self.path.open("rb", buffering=_BUFFER) as file:
            for item in self._read(lines(file)):
                if isinstance(item, Exchange):
                    if item.id in self._lines:
                        item.id = f"{item.id}#{len(self._lines) + 1}"
                    self._lines[item.id] = at
                    yield item

    def events(self) -> list[Event]:
        """The timeline."""
        with self.path.open("rb", buffering=_BUFFER) as file:
            return [item for item in self._read(file) if isinstance(item, Event)]

    def exchange(self, exchange_id: str) -> Exchange:
        """One of `exchanges` by its id, read again."""
        at = self._lines[exchange_id]
        with self.path.open("rb") as file:
            file.seek(at.offset)
            line = file.read(at.size)
        if zlib.crc32(line) != at.crc:
            raise RecordingFormatError(
                f"{self.path}: the file was changed while it was replayed", hint="Replay it again."
            )
        found = recording.exchange_of(line, self._header)
        found.id = exchange_id
        return found

    def _read(self, lines: Iterator[bytes] | BinaryIO) -> Iterator[recording.Item]:
        try:
            yield from recording.read(lines)
        except RecordingFormatError as why:
            raise RecordingFormatError(f"{self.path}: {why.message}", hint=why.hint) from None


def opened(path: Path) -> RecordingFile | None:
    """The file, if it is there and a recording of our own form; `importers.load` says what else."""
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED)
    except OSError:
        return None
    return RecordingFile(path) if dashcam.recognises(head, path.name) else None
