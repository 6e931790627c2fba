"""A file system for SQLite in this process that logs what is written, and fails when told to.

It is SQLite's own (`sqlite3_vfs`, https://sqlite.org/vfs.html) with the calls that change a file
put between: opening, writing, truncating, syncing, deleting.
"""

import _sqlite3
import ctypes
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_void_p,
    cast,
    pointer,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

OK = 0
CODES = {"open": 14, "write": 778, "truncate": 1546, "sync": 1034, "delete": 2570}
FULL = 13

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    _fields_: ClassVar[Any] = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", c_void_p),
        ("xDelete", c_void_p),
        *((f"x{number}", c_void_p) for number in range(14)),
    ]


class _Methods(Structure):
    _fields_: ClassVar[Any] = [
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", c_void_p),
        ("xWrite", c_void_p),
        ("xTruncate", c_void_p),
        ("xSync", c_void_p),
        *((f"x{number}", c_void_p) for number in range(13)),
    ]


class _File(Structure):
    _fields_: ClassVar[Any] = [("methods", c_void_p)]


@dataclass(slots=True, frozen=True)
class Op:
    """Something that changed a file: open, write, truncate, sync or delete; or a mark of ours."""

    kind: str
    path: str = ""
    at: int = 0
    data: bytes = b""


@dataclass(slots=True)
class Faulty:
    """What was done so far; `decide` gives an error code for the operation of a number, or OK."""

    ops: list[Op] = field(default_factory=list)
    decide: Callable[[int, str], int] = lambda _, __: OK
    count: int = 0

    def fails(self, kind: str) -> int:
        """The code that this operation has to end with."""
        self.count += 1
        return self.decide(self.count, kind)


@contextmanager
def installed() -> Iterator[Faulty]:
    """Every connection that is opened here goes through it."""
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = c_void_p
    library.sqlite3_vfs_find.argtypes = [c_char_p]
    library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
    library.sqlite3_vfs_unregister.argtypes = [c_void_p]
    usual = library.sqlite3_vfs_find(None)
    said = Faulty()
    vfs = _Vfs.from_buffer_copy(cast(usual, POINTER(_Vfs)).contents)
    vfs.zName = b"faulty"
    vfs.pNext = None
    keep = _put_between(vfs, said)
    library.sqlite3_vfs_register(pointer(vfs), 1)
    try:
        yield said
    finally:
        library.sqlite3_vfs_unregister(pointer(vfs))
        library.sqlite3_vfs_register(usual, 1)
        keep.clear()


def _put_between(vfs: _Vfs, said: Faulty) -> list[Any]:
    """Replaces calls of `vfs`; what has to live as long as it does."""
    real_open, real_delete = _OPEN(vfs.xOpen), _DELETE(vfs.xDelete)
    names: dict[int, str] = {}
    patched: dict[int, _Methods] = {}  # by the address of the real ones, and by their own
    keep: list[Any] = [names, patched]

    def opened(this: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        code = said.fails("open") or real_open(this, name, file, flags, out)
        held = cast(file, POINTER(_File)).contents
        if code != OK:
            held.methods = None
            return int(code)
        names[file] = ctypes.string_at(name).decode() if name else ""
        said.ops.append(Op("open", names[file]))
        if held.methods not in patched:
            own = _methods(held.methods, said, names, keep)
            patched[held.methods] = patched[ctypes.addressof(own)] = own
        held.methods = ctypes.addressof(patched[held.methods])
        return OK

    def deleted(this: int, name: bytes, sync: int) -> int:
        code = said.fails("delete") or real_delete(this, name, sync)
        if code == OK:
            said.ops.append(Op("delete", name.decode()))
        return int(code)

    calls = _OPEN(opened), _DELETE(deleted)
    vfs.xOpen, vfs.xDelete = (cast(call, c_void_p).value for call in calls)
    keep.extend([*calls, vfs])
    return keep


def _methods(address: int, said: Faulty, names: dict[int, str], keep: list[Any]) -> _Methods:
    """Those of one kind of file, with ours in the place of some."""
    own = _Methods.from_buffer_copy(cast(address, POINTER(_Methods)).contents)
    real_write, real_truncate = _WRITE(own.xWrite), _TRUNCATE(own.xTruncate)
    real_sync = _SYNC(own.xSync)

    def write(file: int, data: int, size: int, at: int) -> int:
        code = said.fails("write") or real_write(file, data, size, at)
        if code == OK:
            said.ops.append(Op("write", names[file], at, ctypes.string_at(data, size)))
        return int(code)

    def truncate(file: int, size: int) -> int:
        code = said.fails("truncate") or real_truncate(file, size)
        if code == OK:
            said.ops.append(Op("truncate", names[file], size))
        return int(code)

    def sync(file: int, flags: int) -> int:
        code = said.fails("sync") or real_sync(file, flags)
        if code == OK:
            said.ops.append(Op("sync", names[file]))
        return int(code)

    calls = _WRITE(write), _TRUNCATE(truncate), _SYNC(sync)
    own.xWrite, own.xTruncate, own.xSync = (cast(call, c_void_p).value for call in calls)
    keep.extend([*calls, own])
    return own


@dataclass(slots=True)
class Disk:
    """What lies on the disk for sure, and what is still on its way, as operations go on.

    Opening and deleting count at once.
    """

    files: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[Op]] = field(default_factory=dict)

    def go_on(self, ops: Iterable[Op]) -> None:
        """These have happened, too."""
        for op in ops:
            if op.kind == "open":
                self.files.setdefault(op.path, bytearray())
            elif op.kind == "delete":
                self.files.pop(op.path, None)
                self.pending.pop(op.path, None)
            elif op.kind == "sync":
                for one in self.pending.pop(op.path, ()):
                    _put(self.files, one, len(one.data) or 1, _always)
            elif op.path:
                self.pending.setdefault(op.path, []).append(op)

    def after_a_cut(self, keeps: Callable[[], bool], sector: int = 512) -> dict[str, bytes]:
        """The files as they may be found: `keeps` says of each sector that was not synced."""
        files = {path: bytearray(data) for path, data in self.files.items()}
        for many in self.pending.values():
            for op in many:
                _put(files, op, sector, keeps)
        return {path: bytes(data) for path, data in files.items() if path}


def _always() -> bool:
    return True


def _put(files: dict[str, bytearray], op: Op, sector: int, keeps: Callable[[], bool]) -> None:
    held = files.setdefault(op.path, bytearray())
    if op.kind == "truncate":
        if keeps():
            del held[op.at :]
        return
    for start in range(0, len(op.data), sector):
        if keeps():
            piece = op.data[start : start + sector]
            at = op.at + start
            held.extend(bytes(max(0, at + len(piece) - len(held))))
            held[at : at + len(piece)] = piece


def lay_out(files: dict[str, bytes], folder: Path) -> None:
    """The files of an image in a folder."""
    for path, data in files.items():
        (folder / Path(path).name).write_bytes(data)
