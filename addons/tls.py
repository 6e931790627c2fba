"""Addon: certificates and TLS contexts for both sides.

Leaf certificates come from mitmproxy's certificate store under our CA. Contexts are made once per
certificate and reused, so that sessions resume. Clients that speak both are offered HTTP/1.1.
"""

import datetime as dt
import functools
import ipaddress
from fnmatch import fnmatch
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from mitmproxy import certs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.tunnel import TunnelState
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from proxy.engine.upstream import Certificates, certified

_H1, _H2 = b"http/1.1", b"h2"
_CONTEXTS = 512
_FAREWELL = 4096  # bytes, more than an alert takes
_ALIKE = dt.timedelta(days=1)


class Tls:
    """The store's CA signs the leaves; `upstream_ca` is trusted beside the public roots.

    `certificates` are shown to upstreams that ask for one, by host; see the pool's.
    """

    def __init__(
        self,
        store: certs.CertStore,
        upstream_ca: Path | None,
        certificates: Certificates | None = None,
    ) -> None:
        self._store = store
        self._upstream_ca = upstream_ca
        self._own_contexts = {
            host.lower(): _verifying_context(upstream_ca, files)
            for host, files in (certificates or {}).items()
        }
        self._contexts: dict[tuple[str | None, str | None], SSL.Context] = {}

    @functools.cached_property
    def _upstream_context(self) -> SSL.Context:
        """Made when the slow lane first dials: the public roots take long to load."""
        return _verifying_context(self._upstream_ca)

    def tls_start_client(self, data: TlsData) -> None:
        """TLS between client and us."""
        data.ssl_conn = SSL.Connection(self._client_context(data.context))
        data.ssl_conn.set_accept_state()

    def tls_start_server(self, data: TlsData) -> None:
        """TLS between us and an upstream of the slow lane; verified, always."""
        server = data.conn
        address = getattr(server, "address", None) or ("", 0)
        name = certified(server.sni or data.context.client.sni or address[0])
        server.sni = name
        client_offers = data.context.client.alpn_offers
        if _H2 in client_offers:
            server.alpn_offers = [_H2, _H1]
        else:
            server.alpn_offers = [_H1] if _H1 in client_offers else list(client_offers)
        connection = SSL.Connection(self._context_for(name))
        _verify_name(connection, name)
        if server.alpn_offers:
            connection.set_alpn_protos(list(server.alpn_offers))
        connection.set_connect_state()
        data.ssl_conn = connection

    def _context_for(self, name: str) -> SSL.Context:
        for glob, context in self._own_contexts.items():
            if fnmatch(name.lower(), glob):
                return context
        return self._upstream_context

    def _client_context(self, context: Context) -> SSL.Context:
        address = context.server.address
        place = (context.client.sni, address[0] if address else None)
        found = self._contexts.get(place)
        if found is None:
            if len(self._contexts) >= _CONTEXTS:
                self._contexts.clear()
            names = list(dict.fromkeys(name for name in place if name))
            entry = self._store.get_cert(names[0] if names else None, [_general(n) for n in names])
            found = _server_context(entry, self._store.default_ca.notbefore)
            self._contexts[place] = found
        return found


def farewell(layer: ClientTLSLayer) -> bytes:
    """What says in TLS that no more will come: without it, clients take an answer for cut off."""
    if layer.tunnel_state is not TunnelState.OPEN:
        return b""
    try:
        layer.tls.shutdown()
        return layer.tls.bio_read(_FAREWELL)
    except SSL.Error:
        return b""


def cert_store(pem: Path) -> certs.CertStore:
    """Mitmproxy's certificate store over the key and certificate in `pem`."""
    raw = pem.read_bytes()
    key = certs.load_pem_private_key(raw, None)
    authority = certs.Cert.from_pem(raw[raw.index(b"-----BEGIN CERTIFICATE") :])
    return certs.CertStore(key, authority, None, b"", certs.DHParams(b""))


def _dated(entry: certs.CertStoreEntry, since: dt.datetime) -> x509.Certificate:
    """The leaf, valid from when its CA is: a child's clock may be held at an earlier time."""
    leaf = entry.cert.to_cryptography()
    if leaf.not_valid_before_utc - since < _ALIKE:
        return leaf
    builder = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(leaf.issuer)
        .public_key(entry.privatekey.public_key())
        .serial_number(leaf.serial_number)
        .not_valid_before(since)
        .not_valid_after(leaf.not_valid_after_utc)
    )
    for extension in leaf.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(entry.privatekey, hashes.SHA256())


def _server_context(entry: certs.CertStoreEntry, since: dt.datetime) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # of connections on which nothing is said
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate(_dated(entry, since))
    context.use_privatekey(entry.privatekey)
    context.set_alpn_select_callback(_select)
    context.set_session_id(b"dashcam")
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    return context


def _verifying_context(
    upstream_ca: Path | None, certificate: tuple[Path, Path | None] | None = None
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_verify(SSL.VERIFY_PEER, None)
    context.set_default_verify_paths()  # it looks for bundles where OpenSSL itself finds none
    if upstream_ca is not None:
        context.load_verify_locations(str(upstream_ca))
    if certificate is not None:  # the pool has loaded it before, and said what is wrong with it
        chain, key = certificate
        context.use_certificate_chain_file(str(chain))
        context.use_privatekey_file(str(key or chain))
    return context


def _select(_connection: SSL.Connection, offered: list[bytes]) -> bytes:
    """HTTP/1.1 where the client speaks it: the lane that costs least and changes nothing."""
    for choice in (_H1, _H2):
        if choice in offered:
            return choice
    return SSL.NO_OVERLAPPING_PROTOCOLS  # type: ignore[return-value]  # a sentinel of pyOpenSSL's


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))


def _verify_name(connection: SSL.Connection, name: str) -> None:
    """The certificate must be for `name`, a host name or an address."""
    try:
        ip = ipaddress.ip_address(name).packed
    except ValueError:
        host = name.encode("idna")
        connection.set_tlsext_host_name(host)
        _set_host(connection, host)
    else:
        _set_ip(connection, ip)


def _set_host(connection: SSL.Connection, host: bytes) -> None:
    lib, pointer = SSL._lib, connection._ssl  # type: ignore[attr-defined] # noqa: SLF001 - pyOpenSSL has no other way
    lib.X509_VERIFY_PARAM_set1_host(lib.SSL_get0_param(pointer), host, len(host))


def _set_ip(connection: SSL.Connection, ip: bytes) -> None:
    lib, pointer = SSL._lib, connection._ssl  # type: ignore[attr-defined] # noqa: SLF001 - pyOpenSSL has no other way
    lib.X509_VERIFY_PARAM_set1_ip(lib.SSL_get0_param(pointer), ip, len(ip))
