"""Files that appear whole or not at all, and only for their owner to read."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from proxy.errors import ConfigError
from proxy.stores import private_files


def write_whole(path: Path, pieces: Iterable[bytes], *, force: bool) -> int:
    """Writes a file (mode 0600) beside itself and moves it into place; returns its size.

    Raises:
        ConfigError: The file is there already, and `force` was not given.
    """
    private_files.make_folder(path.parent)
    if not force and path.exists():
        raise taken(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            size = sum(file.write(piece) for piece in pieces)
            file.flush()
            os.fsync(file.fileno())
        move(temporary, path, force=force)
    finally:
        temporary.unlink(missing_ok=True)
    return size


def move(temporary: Path, path: Path, *, force: bool) -> None:
    """Moves a file into its place in one step, which without `force` must be free."""
    if force:
        temporary.replace(path)
        return
    try:
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise taken(path) from error
    except OSError:  # a file system without links: the next best is to have looked just before
        if path.exists():
            raise taken(path) from None
        temporary.replace(path)
    else:
        temporary.unlink()


def taken(path: Path) -> ConfigError:
    """What is said when a file would be overwritten."""
    return ConfigError(f"{path} is there already", hint="--force overwrites it")
