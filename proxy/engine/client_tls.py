"""TLS towards upstreams: whom we trust, what we show, and sessions that go on.

A host that was verified once need not be verified again for every connection: the next one goes on
with the session of an earlier one (RFC 8446, section 2.2), which costs both sides a fraction.
"""

import asyncio
import os
import ssl
import sys
from pathlib import Path
from typing import override

from proxy.errors import ConfigError

USUAL_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_MOST_SESSIONS = 1000


class Resuming(ssl.SSLContext):
    """A client's context; a connection to a host goes on with the session that is kept for it."""

    sessions: dict[str, ssl.SSLSession]

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        known = self.sessions.get(server_hostname) if isinstance(server_hostname, str) else None
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session or known)

    def keep(self, connection: ssl.SSLObject) -> None:
        """Keeps the session of a connection that was verified in full, for the same host."""
        host = connection.server_hostname
        if host is None or connection.session_reused:
            return
        session = connection.session  # a copy, which takes as long as much of a handshake
        if session is None:
            return
        if len(self.sessions) >= _MOST_SESSIONS:
            self.sessions.clear()
        self.sessions[host] = session


def keep_session(transport: asyncio.BaseTransport) -> None:
    """The session of a transport's connection, once something was received on it."""
    connection = transport.get_extra_info("ssl_object")
    if connection is not None and isinstance(connection.context, Resuming):
        connection.context.keep(connection)


def client_tls(
    upstream_ca: Path | None, certificate: tuple[Path, Path | None] | None = None
) -> ssl.SSLContext:
    """A verifying client context: the public roots of this machine, and `upstream_ca`.

    `certificate` is shown to a server that asks for one. Raises ConfigError.
    """
    context = _usual()
    if not context.get_ca_certs() and not os.environ.get("SSL_CERT_FILE"):
        for usual in USUAL_BUNDLES:
            if Path(usual).is_file():
                context.load_verify_locations(usual)
                break
    if upstream_ca is not None:
        _load_ca(context, upstream_ca)
    if certificate is not None:
        try:
            context.load_cert_chain(*certificate, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ConfigError(
                f"the client certificate {str(certificate[0])!r} cannot be used: {error}",
                hint="client_certificates takes HOST=CERT.pem,KEY.pem, the key not encrypted",
            ) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def check_ca(upstream_ca: Path) -> None:
    """Whether `client_tls` can use the file, which takes no time. Raises ConfigError."""
    _load_ca(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), upstream_ca)


def _load_ca(context: ssl.SSLContext, upstream_ca: Path) -> None:
    try:
        context.load_verify_locations(upstream_ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the upstream CA {str(upstream_ca)!r} cannot be read: {error}",
            hint="--upstream-ca (DASHCAM_UPSTREAM_CA) takes a PEM file of CA certificates",
        ) from error


def _usual() -> Resuming:
    """What `ssl.create_default_context` makes, with sessions."""
    context = Resuming(ssl.PROTOCOL_TLS_CLIENT)  # which verifies, and the host's name, too
    context.sessions = {}
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if (log := os.environ.get("SSLKEYLOGFILE")) and not sys.flags.ignore_environment:
        context.keylog_filename = log
    return context


def _no_password() -> str:
    raise ValueError("its key is encrypted")  # OpenSSL would ask on the terminal
