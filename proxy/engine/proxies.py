"""Proxies between Dashcam and the upstreams: which one a connection takes, and how it gets through.

The variables and NO_PROXY are read as curl and Python read them. A connection through a proxy is a
tunnel (CONNECT; RFC 9110, 9.3.6), so the bytes in it stay the client's own. Many proxies make
tunnels to port 443 alone: those are asked for plain HTTP in their own words (RFC 9112, 3.2.2).
"""

import asyncio
import base64
import ipaddress
import logging
import ssl
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, override
from urllib.parse import unquote, urlsplit

from proxy.core.http1 import head_end, parse_response
from proxy.core.model import End
from proxy.errors import ConfigError, FormatError

DIRECT = "direct"  # the setting's word for no proxy, whatever the environment says
_PORTS = {"http": 80, "https": 443}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_HINT = "give them as http://USER:PASSWORD@HOST:PORT"
_log = logging.getLogger(__name__)


class ProxyError(Exception):
    """A proxy does not let us through; `end` is how the exchange ends."""

    def __init__(self, end: End, message: str) -> None:
        super().__init__(message)
        self.end = end


class NoTunnelError(ProxyError):
    """A proxy makes no tunnel to there; perhaps it passes on plain HTTP as its own requests."""


class Hop(NamedTuple):
    """A proxy. `source` is the variable or setting that named it; `user` is USER:PASSWORD."""

    scheme: str
    host: str
    port: int
    user: str | None
    source: str

    @property
    def place(self) -> str:
        """It for people, without its password."""
        return f"{self.host}:{self.port}"

    @property
    def credentials(self) -> bytes:
        """The header line that says who we are, empty for nobody."""
        if self.user is None:
            return b""
        return b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(self.user.encode())


@dataclass(slots=True)
class Proxies:
    """The proxies by the scheme of what is asked for, and the hosts that go past them.

    `own_ports` are Dashcam's: a proxy there is Dashcam itself, and no way out.
    """

    by_scheme: Mapping[str, Hop] = field(default_factory=dict)
    past: tuple[str, ...] = ()
    own_ports: Container[int] = ()

    @classmethod
    def of(
        cls, setting: str | None, env: Mapping[str, str], own_ports: Container[int] = ()
    ) -> "Proxies":
        """From the setting `upstream_proxy`, else from the environment; NO_PROXY holds for both.

        Raises ConfigError.
        """
        _, past = _variable(env, "no_proxy")
        found = {}
        for scheme in _PORTS:
            name, url = "upstream_proxy", setting or ""
            if not setting:
                name, url = _variable(env, f"{scheme}_proxy")
            if not url:
                name, url = _variable(env, "all_proxy")
            if url and setting != DIRECT:
                try:
                    found[scheme] = read(url, name)
                except ValueError as error:
                    raise ConfigError(
                        f"{name} is not the URL of a proxy", hint="write it as http://HOST:PORT"
                    ) from error
        return cls(found, tuple(past.replace(",", " ").lower().split()), own_ports)

    def hop(self, scheme: str, host: str, port: int) -> Hop | None:
        """The proxy for a connection to host:port, None for none."""
        hop = self.by_scheme.get(scheme)
        if hop is None or _is_local(host) or goes_past(self.past, host, port):
            return None
        if _is_local(hop.host) and hop.port in self.own_ports:
            _log.warning("%s names Dashcam itself and is left out", hop.source)
            return None
        return hop


def read(url: str, source: str) -> Hop:
    """Takes a proxy's URL apart; without a scheme it is http, as curl has it. Raises ValueError."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if not parts.hostname:
        raise ValueError
    user = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    port = parts.port or _PORTS.get(parts.scheme, 1080)
    return Hop(parts.scheme, parts.hostname, port, user, source)


def goes_past(past: tuple[str, ...], host: str, port: int) -> bool:
    """Whether NO_PROXY covers a host: names with all below them, host:port, addresses, networks."""
    host = host.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for item in past:
        if item == "*":
            return True
        if address is not None and "/" in item:
            try:
                if address in ipaddress.ip_network(item, strict=False):
                    return True
            except ValueError:
                continue
        name, colon, wanted = item.rpartition(":")
        if colon and wanted.isdecimal() and (":" not in name or item.startswith("[")):
            if int(wanted) != port:
                continue
            item = name  # noqa: PLW2901 - the rest of it
        item = item.strip("[]").removeprefix("*").lstrip(".").rstrip(".")  # noqa: PLW2901 - likewise
        if item and (host == item or (address is None and host.endswith(f".{item}"))):
            return True
    return False


def _variable(env: Mapping[str, str], name: str) -> tuple[str, str]:
    """A variable's name and value; lower case counts first, as everywhere."""
    for each in (name, name.upper()):
        if env.get(each):
            return each, env[each].strip()
    return name, ""


def _is_local(host: str) -> bool:
    return host.lower() in _LOCAL or host.startswith("127.")


class _Answer(asyncio.Protocol):
    """Collects the proxy's answer to CONNECT, and no byte more than it takes to know it."""

    def __init__(self) -> None:
        self.got = b""
        self.whole: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream protocol's transport
        self.transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        seen = len(self.got)
        self.got += data
        if self.whole.done():
            return
        try:
            end = head_end(self.got, seen)
        except FormatError as error:
            self.whole.set_exception(error)
            return
        if end >= 0:
            if self.transport is not None:
                self.transport.pause_reading()  # what follows is for the next protocol
            self.whole.set_result(end)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.whole.done():
            self.whole.set_exception(exc or ConnectionResetError())


async def tunnel(
    hop: Hop, host: str, port: int, tls: Callable[[], ssl.SSLContext]
) -> tuple[asyncio.Transport, bytes]:
    """A tunnel to host:port; its transport is paused and has no protocol of the caller's yet.

    Returns the transport and what the other end has said already. `tls` makes what is for proxies
    that are spoken to over TLS. Raises ProxyError, and what connecting raises.
    """
    transport, answer = await _reached(hop, tls)
    try:
        transport.write(_connect(hop, host, port))
        rest = await _admitted(hop, f"{host}:{port}", answer)
    except BaseException:
        transport.abort()
        raise
    return transport, rest


async def relay(hop: Hop, tls: Callable[[], ssl.SSLContext]) -> asyncio.Transport:
    """A connection to a proxy that is asked for plain HTTP; otherwise as `tunnel`."""
    transport, _ = await _reached(hop, tls)
    transport.pause_reading()
    return transport


async def _reached(
    hop: Hop, tls: Callable[[], ssl.SSLContext]
) -> tuple[asyncio.Transport, _Answer]:
    if hop.scheme not in _PORTS:
        said = f"{hop.source} names a {hop.scheme} proxy; only http and https proxies can be used"
        raise ProxyError(End.UPSTREAM_REFUSED, said)
    secure = hop.scheme == "https"
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_connection(
            _Answer,
            hop.host,
            hop.port,
            ssl=tls() if secure else None,
            server_hostname=hop.host if secure else None,
        )
    except ssl.SSLError as error:
        said = f"TLS with the upstream proxy {hop.place} ({hop.source}) failed: {error.reason}"
        raise ProxyError(End.UPSTREAM_TLS, said) from error


def _connect(hop: Hop, host: str, port: int) -> bytes:
    where = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode("idna")
    return b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (where, where, hop.credentials)


async def _admitted(hop: Hop, target: str, answer: _Answer) -> bytes:
    named = f"the upstream proxy {hop.place} ({hop.source})"
    try:
        end = await answer.whole
        head = parse_response(answer.got)
    except FormatError as error:
        said = f"{named} does not answer as a proxy does: {error}"
        raise ProxyError(End.UPSTREAM_INVALID, said) from error
    except OSError as error:
        said = f"{named} closed the connection when it was asked for {target}"
        raise ProxyError(End.UPSTREAM_RESET, said) from error
    if head.status == 407:  # noqa: PLR2004 - Proxy Authentication Required
        told = "does not accept this user and password" if hop.user else "asks for a user"
        raise ProxyError(End.UPSTREAM_REFUSED, f"{named} {told} (407); {_HINT}")
    if not 200 <= head.status < 300:  # noqa: PLR2004 - RFC 9110, 9.3.6
        status = f"{head.status} {head.reason.decode('latin-1')}".rstrip()
        said = f"{named} refused the way to {target}: {status}"
        raise NoTunnelError(End.UPSTREAM_REFUSED, said)
    return answer.got[end:]
