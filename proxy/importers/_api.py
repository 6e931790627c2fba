"""The contract of an importer: a file in, runs out.

Files are not trusted: sizes and depths are limited, and nothing in them is executed. What a format
cannot carry over is listed in the run's metadata under `importNotes`.
"""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from proxy.core.model import Snapshot


class Importer(NamedTuple):
    """One format.

    `recognises` is given the first 64 KiB and the file's name; `load` the open file, at its start,
    and its name. `load` raises RecordingFormatError.
    """

    recognises: Callable[[bytes, str], bool]
    load: Callable[[BinaryIO, str], list[Snapshot]]
