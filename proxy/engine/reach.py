"""What may be called when others than this machine can ask: no open proxy, no way inside.

On loopback whoever asks could connect to anything himself, so nothing is barred there. For others
there is a list of hosts, and addresses that no name may stand for: this machine, link-local ones
(cloud metadata, RFC 3927 and RFC 4291), those of no single host. They are looked at after the name
has been resolved and before anything is connected to, so that no answer of a name server, and no
other way of writing an address (0x7f000001, 127.1), leads around it.
"""

import asyncio
import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

_METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("168.63.129.16")})  # AWS, Azure

type Ip = IPv4Address | IPv6Address


@dataclass(slots=True, frozen=True)
class Reach:
    """`allow` are host names, * stands for any part; `trusted` are hosts that the user mapped.

    A name that only `*` allows must stand for a public address. An address in `allow` or `trusted`
    is meant.
    """

    allow: tuple[str, ...]
    trusted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, allow: Iterable[str], trusted: Iterable[str]) -> "Reach":
        """From the settings."""
        return cls(
            tuple(glob.lower() for glob in allow), frozenset(host.lower() for host in trusted)
        )

    def barred(self, host: str) -> str | None:
        """Why a host may not be called, None when it may, as far as its name says."""
        host = host.lower().strip("[]").rstrip(".")
        if self._by_name(host):
            return None
        if "*" not in self.allow:
            return f"{host} is not one of the hosts that may be called"
        address = _address(host)
        if address is None or (address.is_global and not _is_inside(address)):
            return None
        return f"{host} is no public address"

    def permits(self, host: str, address: str) -> bool:
        """Whether `host` may stand for this address."""
        host = host.lower().rstrip(".")
        found = _address(address)
        if found is None or host in self.trusted:
            return True
        if _is_inside(found):
            return False
        return found.is_global or self._by_name(host)

    def guard(self, loop: asyncio.AbstractEventLoop) -> None:
        """Every name that is resolved in `loop` loses the addresses that it may not stand for."""
        resolve = loop.getaddrinfo

        async def getaddrinfo(host: Any, port: Any, **how: Any) -> Any:
            found = await resolve(host, port, **how)
            if not isinstance(host, str):  # to listen
                return found
            kept = [info for info in found if self.permits(host, str(info[4][0]))]
            if not kept:
                raise OSError(f"{host} stands for an address that may not be called")
            return kept

        loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]

    def _by_name(self, host: str) -> bool:
        """Whether it was named, and not only by `*`."""
        if host in self.trusted:
            return True
        return any(glob != "*" and fnmatch.fnmatchcase(host, glob) for glob in self.allow)


def _address(text: str) -> Ip | None:
    """An address, an IPv4 one that is written as IPv6 as itself."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return found.ipv4_mapped or found.sixtofour or found
    return found


def _is_inside(address: Ip) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in _METADATA
    )
