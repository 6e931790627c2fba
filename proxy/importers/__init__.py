"""Importers: `IMPORTERS` lists the formats in the order they are tried."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

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


def load(path: Path) -> list[Snapshot]:
    """The runs in a file, whatever known format it has; it is told by the content.

    Raises:
        RecordingNotFound: there is no such file, or it cannot be read.
        RecordingFormatError: no known format, or a damaged file; the message names the file.
    """
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            head = file.read(_SNIFFED)
            file.seek(0)
            for importer in IMPORTERS.values():
                if importer.recognises(head, path.name):
                    return importer.load(file, path.name)
    except OSError as why:
        raise RecordingNotFound(f"cannot read {path}: {why.strerror or why}") from why
    except RecordingFormatError as why:
        raise RecordingFormatError(f"{path}: {why.message}", hint=why.hint) from None
    known = ", ".join(IMPORTERS)
    raise RecordingFormatError(f"{path}: no format that is known here", hint=f"Known: {known}.")
