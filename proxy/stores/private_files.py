"""The store's files: for their owner only, whatever the umask, and not for git.

Nothing here may open a database file that exists: closing it would drop the locks that SQLite
holds on it in this process (sqlite.org/howtocorrupt.html, section 2.2).
"""

import contextlib
import os
import stat
from pathlib import Path

from proxy.errors import StoreError

_FILE = 0o600
_FOLDER = 0o700
_MARK = "# Made by Dashcam: databases stay out of git; recordings (*.dashcam.jsonl) belong in it.\n"
_KEEP = "!*.dashcam.jsonl\n"
_COMPANIONS = ("", "-wal", "-shm", "-journal")


def make(path: Path) -> bool:
    """Makes an empty file 0600 in a folder 0700, unless they are there; whether it was made.

    Raises OSError.
    """
    make_folder(path.parent)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _FILE)
    except FileExistsError:
        return False
    try:
        os.fchmod(handle, _FILE)
    finally:
        os.close(handle)
    return True


def narrow(path: Path) -> None:
    """Takes everybody else's rights to the database and its companions away, where we may."""
    for suffix in _COMPANIONS:
        file = path.with_name(path.name + suffix)
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & ~_FILE:
                file.chmod(mode & _FILE)


def is_fixed(path: Path) -> bool:
    """Whether nothing can be written beside a file that is there, as on a read-only disk.

    Raises StoreError for one that is not whole alone: its log would have to be read, too.
    """
    if os.access(path.parent, os.W_OK):
        return False
    with contextlib.suppress(OSError):
        if path.with_name(path.name + "-wal").stat().st_size:
            raise StoreError(
                f"{path} has a log beside it, and its folder may not be written to",
                hint=f"copy {path.name} and {path.name}-wal to a folder of yours",
            )
    return True


def keep_out_of_git(path: Path) -> None:
    """Names the database in the folder's `.gitignore`, if that is ours or not there."""
    file = path.parent / ".gitignore"
    line = f"/{path.name}*\n"
    with contextlib.suppress(OSError):
        if make(file):
            file.write_text(_MARK + line + _KEEP)
        else:
            text = file.read_text()
            if text.startswith(_MARK) and line not in text.splitlines(keepends=True):
                file.write_text(_MARK + line + text.removeprefix(_MARK))


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it, 0700; one that is there stays as it is. Raises OSError.

    What `mkdir` makes above one is as the umask says: others could put another one in its place.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(_FOLDER)
        folder.chmod(_FOLDER)
