import ctypes
import sys
from pathlib import Path

import pytest

from proxy.engine.spare import Spare


def test_it_is_due_once_in_each_rest() -> None:
    spare = Spare()
    seen = [0, 0, 0, 1, 2, 2, 2, 3, 3]
    due = [False, True, False, False, False, True, False, False, True]
    assert [spare.is_due(one) for one in seen] == due


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_what_was_freed_is_given_back() -> None:
    free = ctypes.CDLL(None).free
    malloc = ctypes.CDLL(None).malloc
    malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    parts = [malloc(50_000) for _ in range(1000)]
    for part in parts:
        ctypes.memset(part, 1, 50_000)
    kept = parts[-1]  # above what is freed: the C library gives back only what is at the end
    for part in parts[:-1]:
        free(part)
    before = _resident()
    Spare().give_back()
    assert before - _resident() > 40_000_000
    free(kept)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096
