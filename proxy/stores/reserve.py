"""Space that is kept for the moment when the disk is full.

Even a deletion needs some: SQLite writes it to its log first. So a large enough store has a file
beside it that holds nothing; it is given up for a deletion, and for nothing else: what is recorded
would fill it, too, and then nothing could be deleted any more. Only to open the store on a full
disk a little of it is lent: SQLite needs 32 KB beside the file to begin.
"""

import contextlib
import os
from pathlib import Path

from proxy.stores import private_files

LEAST = 1024 * 1024  # bytes; a smaller store has none
_SHARE = 8  # of the store's size
_LENT = 64 * 1024
_MOST = 16 * 1024 * 1024


def of(path: Path) -> Path:
    """The file of the store at `path`."""
    return path.with_name(path.name + "-reserve")


def keep(path: Path) -> None:
    """Makes the file, or a larger one, if that leaves as much again free; never fails."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        if size < LEAST:
            return
        wanted = min(size // _SHARE, _MOST)
        file = of(path)
        held = file.stat().st_size if file.exists() else 0
        room = os.statvfs(path.parent)
        if held * 2 > wanted or room.f_bavail * room.f_frsize < 2 * wanted:
            return
        private_files.make(file)
        with file.open("r+b") as reserve:
            try:
                os.posix_fallocate(reserve.fileno(), 0, wanted)
            except OSError:
                reserve.truncate(0)


def give_up(path: Path) -> bool:
    """Frees the space; whether there was any."""
    file = of(path)
    try:
        held = file.stat().st_size
        file.unlink()
    except OSError:
        return False
    return held > 0


def lend(path: Path) -> bool:
    """Frees a little of the space; whether there was so much."""
    file = of(path)
    try:
        held = file.stat().st_size
        if held < _LENT:
            return False
        os.truncate(file, held - _LENT)
    except OSError:
        return False
    return True
