"""libfaketime: shows any dynamically linked program another time, where it is installed.

https://github.com/wolfcw/libfaketime: the library is loaded before the C library and answers for
its clock. Clocks that only measure and the times of files stay true.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_NAMES: Final = ("libfaketimeMT.so.1", "libfaketime.so.1")  # the first is for threads, too
_PREFIXES: Final = ("/usr", "/usr/local")
_FOLDERS: Final = ("lib/*/faketime", "lib64/faketime", "lib/faketime", "lib/*", "lib64", "lib")
_SETTINGS: Final = {
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "DONT_FAKE_MONOTONIC": "1",  # its name before 0.9.8
    "NO_FAKE_STAT": "1",
    "FAKETIME_DISABLE_SHM": "1",  # a child reads the same variables: nothing is to be shared
}


def library(path: str | None) -> Path | None:
    """The installed library; None without one. `path` is the `PATH` that its command may be on."""
    prefixes = [Path(prefix) for prefix in _PREFIXES]
    command = shutil.which("faketime", path=path)
    if command is not None:
        prefixes.insert(0, Path(command).resolve().parent.parent)
    return next((found for prefix in prefixes for found in _looked_for(prefix)), None)


def _looked_for(prefix: Path) -> Iterator[Path]:
    for folder in _FOLDERS:
        for name in _NAMES:
            yield from sorted(prefix.glob(f"{folder}/{name}"))


def variables(base: Mapping[str, str], library: Path, offset: float) -> dict[str, str]:
    """What a child is told, so that its clock shows `offset` seconds from now, in whole seconds.

    How a fraction is written depends on the child's locale.
    """
    before = base.get("LD_PRELOAD")
    return {
        "LD_PRELOAD": f"{library}:{before}" if before else str(library),
        "FAKETIME": f"{offset:+.0f}",
        **_SETTINGS,
    }
