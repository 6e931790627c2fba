"""Which process is at the other end of a loopback connection (Linux; elsewhere unknown).

Asked once for a connection whose requests name no run, on the forward path: the kernel is asked
for the one socket (sock_diag(7)), and processes that were found before are looked at first.
"""

import contextlib
import os
import socket
import struct
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

from proxy.core.correlation import Peer

KNOWN_PROCESS = "pid:"
_MOST_KNOWN = 64
_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_ANSWER = 16 + 72  # bytes: nlmsghdr and inet_diag_msg, whose last field is the inode
_known: OrderedDict[str, None] = OrderedDict()  # processes that had connections, the latest last


@lru_cache(maxsize=4096)
def name(peer: Peer) -> str:
    """`pid:NUMBER:START` of the client's process when it can be found, else its address.

    `peer.connection` keeps the answers for two connections of one port apart.
    """
    host, _, port = peer.address.rpartition(":")
    found = None
    if host in _LOOPBACK and port.isdigit():
        ours, _, our_port = peer.listener.rpartition(":")
        inode = _asked(host, int(port), ours, int(our_port)) if our_port.isdigit() else None
        inode = inode or _listed(int(port))
        found = _holder(inode) if inode else None
    return found or f"address:{host or peer.address}"


def _asked(host: str, port: int, ours: str, our_port: int) -> int | None:
    """The inode of the client's socket, as the kernel tells it; None when it does not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        addresses = b"".join(socket.inet_pton(family, one).ljust(16, b"\0") for one in (host, ours))
        identity = struct.pack("!HH", port, our_port) + addresses + struct.pack("=IQ", 0, 2**64 - 1)
        request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 2**32 - 1) + identity
        header = struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, 1, 1, 0)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
            kernel.send(header + request)
            answer = kernel.recv(4096)
    except (OSError, AttributeError):  # another system, a sandbox, an address of the other family
        return None
    if len(answer) < _ANSWER or struct.unpack_from("=H", answer, 4)[0] != _BY_FAMILY:
        return None
    return int(struct.unpack_from("=I", answer, _ANSWER - 4)[0]) or None


def _listed(port: int) -> int | None:
    """The same from the table of all connections, which may be long."""
    wanted = f"{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[1].rpartition(":")[2] == wanted and fields[9] != "0":
                    return int(fields[9])
    return None


def _holder(inode: int) -> str | None:
    """The process that has a socket."""
    wanted = f"socket:[{inode}]"
    for pid in reversed(list(_known)):
        if _holds(pid, wanted):
            return _found(pid)
    own = str(os.getpid())
    for pid in os.listdir("/proc"):  # noqa: PTH208 - a path for each of them costs more
        if pid.isdigit() and pid != own and pid not in _known and _holds(pid, wanted):
            return _found(pid)
    return None


def _holds(pid: str, wanted: str) -> bool:
    with contextlib.suppress(OSError):
        # the newest first, which is often the one
        for number in reversed(os.listdir(f"/proc/{pid}/fd")):  # noqa: PTH208 - likewise
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{number}") == wanted:  # noqa: PTH115 - likewise
                    return True
    return False


def _found(pid: str) -> str:
    _known[pid] = None
    _known.move_to_end(pid)
    if len(_known) > _MOST_KNOWN:
        _known.popitem(last=False)
    return f"{KNOWN_PROCESS}{pid}:{_started(pid)}"


def _started(pid: str) -> str:
    """The process's start time in clock ticks: tells a reused pid from the old one."""
    with (
        contextlib.suppress(OSError, IndexError),
        open(f"/proc/{pid}/stat", "rb", buffering=0) as file,  # noqa: PTH123 - twice as fast
    ):
        return file.read().rpartition(b")")[2].split()[19].decode()
    return "0"
