"""Addon: clients that do not take Dashcam's certificate for a host.

They pin the host's own, or do not trust the CA. After some refusals their tunnels to that host are
not opened for a while.
"""

import logging
import time
from collections.abc import Callable

from mitmproxy.connection import Client
from mitmproxy.tls import TlsData

from addons.peers import Peers
from proxy.core.model import End, RequestHead
from proxy.engine.engine import Engine

REFUSALS = 3  # in a row, without a handshake that succeeded
LEFT_ALONE = 600.0  # seconds
WHY = "its client does not take Dashcam's certificate"
_KEPT = 10_000
_HUNG_UP = "it hung up when it was shown it"
# What a client says in its alert when it is the certificate that it does not like (RFC 8446, 6.2).
# Python's asyncio sends none: it only hangs up.
_ALERTS = {
    "unknown ca": "unknown CA",
    "bad certificate": "bad certificate",
    "certificate unknown": "certificate unknown",
    "unsupported certificate": "unsupported certificate",
    "disconnected during the handshake": _HUNG_UP,
}
_log = logging.getLogger(__name__)

type Key = tuple[str, int, str]


class Pinned:
    """Remembers who refused what: by the client's address, its listener's port, and the host."""

    def __init__(
        self, engine: Engine, peers: Peers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._peers = peers
        self._clock = clock
        self._refusals: dict[Key, int] = {}
        self._accepted: set[Key] = set()
        self._until: dict[Key, float] = {}

    def left_alone(self, client: Client, host: str) -> bool:
        """Whether this client's tunnel to `host` is not to be opened."""
        until = self._until.get(_key(client, host))
        return until is not None and self._clock() < until

    def tls_established_client(self, data: TlsData) -> None:
        """It takes the certificate."""
        key = _key(data.context.client, _host(data))
        self._refusals.pop(key, None)
        if len(self._accepted) < _KEPT:
            self._accepted.add(key)

    def tls_failed_client(self, data: TlsData) -> None:
        """It does not, if its alert says so; recorded as a call that failed."""
        client, host, said = data.context.client, _host(data), data.conn.error or ""
        reason = next((reason for alert, reason in _ALERTS.items() if alert in said), None)
        if reason is None or data.ssl_conn is None:  # it was not shown any certificate yet
            return
        if reason == _HUNG_UP and _key(client, host) in self._accepted:
            return  # it took the certificate before: it only needs this connection no longer
        port = (data.context.server.address or (host, 443))[1]
        head = RequestHead("CONNECT", "https", host, port, "")
        tx = self._engine.begin(head, self._peers.of(client), via="forward", lane="tunnel")
        tx.finish(
            End.CLIENT_TLS,
            f"the client did not take Dashcam's certificate for {host} ({reason}): it does not"
            " trust the CA (see `dashcam doctor`), or it pins the host's own",
        )
        self._count(_key(client, host), host)

    def _count(self, key: Key, host: str) -> None:
        if key in self._accepted:
            return
        if len(self._refusals) >= _KEPT:
            self._refusals.clear()
        count = self._refusals[key] = self._refusals.get(key, 0) + 1
        if count >= REFUSALS:
            del self._refusals[key]
            if len(self._until) >= _KEPT:
                self._until.clear()
            self._until[key] = self._clock() + LEFT_ALONE
            _log.warning(
                "a client refused the certificate for %s %d times: its connections to it are passed"
                " on unread for %g minutes; `dashcam doctor` says whether the CA can be trusted",
                host,
                count,
                LEFT_ALONE / 60,
            )


def _key(client: Client, host: str) -> Key:
    return str(client.peername[0]), int(client.sockname[1]), host.lower()


def _host(data: TlsData) -> str:
    address = data.context.server.address
    return data.context.client.sni or (str(address[0]) if address else "")
