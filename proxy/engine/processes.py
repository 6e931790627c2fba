"""Which process is at the other end of a loopback connection (Linux: /proc; elsewhere unknown)."""

import contextlib
import os
from functools import lru_cache
from pathlib import Path

from proxy.core.correlation import Peer


@lru_cache(maxsize=4096)
def name(peer: Peer) -> str:
    """`pid:NUMBER:START` of the client's process when it can be found, else its address.

    `peer.connection` keeps the answers for two connections of one port apart.
    """
    host, _, port = peer.address.rpartition(":")
    pid = _pid_of(host, int(port)) if port.isdigit() else None
    return pid or f"address:{host or peer.address}"


def _pid_of(host: str, port: int) -> str | None:
    if host not in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}:
        return None
    inode = _inode(port)
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and folder.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                for entry in (folder / "fd").iterdir():
                    with contextlib.suppress(OSError):
                        if os.readlink(entry) == wanted:  # noqa: PTH115 - half the cost
                            return f"pid:{folder.name}:{_started(folder)}"
    return None


def _inode(port: int) -> str | None:
    wanted = f"{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[1].rpartition(":")[2] == wanted and fields[9] != "0":
                    return fields[9]
    return None


def _started(folder: Path) -> str:
    """The process's start time in clock ticks: tells a reused pid from the old one."""
    with contextlib.suppress(OSError, IndexError):
        return (folder / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    return "0"
