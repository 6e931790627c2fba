"""Importers: `IMPORTERS` lists the formats in the order they are tried."""

import gzip
import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from proxy.core.model import Snapshot
from proxy.errors import RecordingFormatError, RecordingNotFound
from proxy.importers import aimock, braintrust, dashcam, har, hoverfly, mitm, vcr, wiremock
from proxy.importers._api import Importer

__all__ = ["IMPORTERS", "Importer", "load"]

IMPORTERS: Final[Mapping[str, Importer]] = {
    "dashcam": Importer(dashcam.recognises, dashcam.load),
    "har": Importer(har.recognises, har.load),
    "mitm": Importer(mitm.recognises, mitm.load),
    "braintrust": Importer(braintrust.recognises, braintrust.load),
    "hoverfly": Importer(hoverfly.recognises, hoverfly.load),
    "aimock": Importer(aimock.recognises, aimock.load),
    "wiremock": Importer(wiremock.recognises, wiremock.load),
    "vcr": Importer(vcr.recognises, vcr.load),
}

_BUFFER: Final = 1 << 20  # lines are long: the usual 8 KiB would make reading the slowest part
_SNIFFED: Final = 64 * 1024
_GZIP: Final = b"\x1f\x8b"
_MAX_UNPACKED: Final = 256 * 1024 * 1024


def load(path: Path) -> list[Snapshot]:
    """The runs in a file, whatever known format it has; it is told by the content.

    Raises:
        RecordingNotFound: there is no such file, or it cannot be read.
        RecordingFormatError: no known format, or a damaged file; the message names the file.
    """
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            found = _unpacked(file) if packed else file
            name = path.name.removesuffix(".gz") if packed else path.name
            head = found.read(_SNIFFED)
            found.seek(0)
            for importer in IMPORTERS.values():
                if importer.recognises(head, name):
                    return importer.load(found, name)
    except OSError as why:
        raise RecordingNotFound(f"cannot read {path}: {why.strerror or why}") from why
    except RecordingFormatError as why:
        raise RecordingFormatError(f"{path}: {why.message}", hint=why.hint) from None
    known = ", ".join(IMPORTERS)
    raise RecordingFormatError(f"{path}: no format that is known here", hint=f"Known: {known}.")


def _unpacked(file: BinaryIO) -> BinaryIO:
    """What is in a file that gzip made."""
    try:
        data = gzip.GzipFile(fileobj=file).read(_MAX_UNPACKED + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as why:
        raise RecordingFormatError(f"not gzip, though it begins so: {why}") from None
    if len(data) > _MAX_UNPACKED:
        raise RecordingFormatError(f"larger than {_MAX_UNPACKED >> 20} MiB when unpacked")
    return io.BytesIO(data)
