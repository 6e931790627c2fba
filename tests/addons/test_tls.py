import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL

from addons.tls import _dated, _general, _select, cert_store
from proxy.launch.authority import Authority, load_or_create
from tests.addons.conftest import Proxy


def test_leaves_are_for_names_and_addresses(authority: Authority) -> None:
    store = cert_store(authority.pem_path)
    entry = store.get_cert("a.test", [_general("a.test"), _general("127.0.0.1")])
    names = entry.cert.to_cryptography().extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["a.test"]
    assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert store.get_cert("a.test", [_general("a.test"), _general("127.0.0.1")]) is entry


def test_leaves_are_valid_since_their_ca_is(authority: Authority, tmp_path: Path) -> None:
    then = dt.datetime(2020, 2, 12, tzinfo=dt.UTC)
    store = cert_store(load_or_create(tmp_path / "then", since=then).pem_path)
    entry = store.get_cert("a.test", [_general("a.test")])
    leaf = _dated(entry, store.default_ca.notbefore)
    assert leaf.not_valid_before_utc == then
    assert leaf.not_valid_after_utc == entry.cert.notafter
    leaf.verify_directly_issued_by(store.default_ca.to_cryptography())
    usual = entry.cert.to_cryptography()
    assert [one.value for one in leaf.extensions] == [one.value for one in usual.extensions]
    young = cert_store(authority.pem_path)
    entry = young.get_cert("a.test", [_general("a.test")])
    assert _dated(entry, young.default_ca.notbefore) is entry.cert.to_cryptography()


def test_http1_is_chosen_where_it_is_offered() -> None:
    connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
    assert _select(connection, [b"h2", b"http/1.1"]) == b"http/1.1"
    assert _select(connection, [b"h2"]) == b"h2"
    neither: object = _select(connection, [b"spdy"])
    assert neither is SSL.NO_OVERLAPPING_PROTOCOLS


async def test_a_strict_client_accepts_what_it_is_shown(proxy: Proxy) -> None:
    reader, writer = await proxy.tunnel()
    shown = writer.get_extra_info("ssl_object")
    assert shown.context.verify_flags & ssl.VERIFY_X509_STRICT
    assert ("DNS", "localhost") in shown.getpeercert()["subjectAltName"]
    writer.close()
    del reader
