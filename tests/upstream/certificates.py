"""A certificate authority for tests, good certificates and the usual bad ones."""

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import trustme

HOSTS = (
    "api.openai.com",
    "api.anthropic.com",
    "upstream.test",
    "*.upstream.test",
    "localhost",
    "127.0.0.1",
)


class Certificates:
    """One CA per test session; `file` holds what a client has to trust.

    Each kind of certificate is made once: a test that starts an upstream need not wait for it.
    """

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._stranger = trustme.CA()
        self.file = folder / "upstream-ca.pem"
        self._authority.cert_pem.write_to_path(self.file)
        self._made: dict[object, ssl.SSLContext] = {}

    def good(self, *alpn: str) -> ssl.SSLContext:
        """A certificate for all of HOSTS; `alpn` are the protocols offered, by preference."""
        return self._once(alpn, lambda: self._context(self._authority.issue_cert(*HOSTS), alpn))

    def expired(self) -> ssl.SSLContext:
        """Right in everything but its date."""
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        leaf = self._authority.issue_cert
        return self._once("expired", lambda: self._context(leaf(*HOSTS, not_after=yesterday)))

    def wrong_host(self) -> ssl.SSLContext:
        """For another name."""
        leaf = self._authority.issue_cert
        return self._once("elsewhere", lambda: self._context(leaf("elsewhere.test")))

    def self_signed(self) -> ssl.SSLContext:
        """From an authority that nobody trusts."""
        return self._once("stranger", lambda: self._context(self._stranger.issue_cert(*HOSTS)))

    def _once(self, kind: object, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        if kind not in self._made:
            self._made[kind] = make()
        return self._made[kind]

    @staticmethod
    def _context(leaf: trustme.LeafCert, alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(list(alpn))
        leaf.configure_cert(context)
        return context
