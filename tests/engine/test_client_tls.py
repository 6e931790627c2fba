import ssl
from pathlib import Path

import pytest
import trustme

from proxy.engine.client_tls import Resuming, client_tls
from proxy.errors import ConfigError

HOST, OTHER = "api.acme.test", "other.acme.test"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def client(tmp_path: Path, authority: trustme.CA) -> ssl.SSLContext:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return client_tls(tmp_path / "ca.pem")


def server(authority: trustme.CA, version: ssl.TLSVersion, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    authority.issue_cert(*names).configure_cert(context)
    return context


def talk(client: ssl.SSLContext, server: ssl.SSLContext, host: str = HOST) -> ssl.SSLObject:
    """A connection on which the server has spoken, which is when TLS 1.3 has told the session."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up, server_hostname=host)
    theirs = server.wrap_bio(up, down, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for end in (ours, theirs):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    theirs.write(b"x")
    assert ours.read() == b"x"
    return ours


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_host_is_gone_on_with(
    client: ssl.SSLContext, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    assert isinstance(client, Resuming)
    upstream = server(authority, version, HOST, OTHER)
    first = talk(client, upstream)
    assert not first.session_reused
    client.keep(first)
    for _ in range(3):
        again = talk(client, upstream)
        assert again.session_reused
        client.keep(again)
    assert not talk(client, upstream, OTHER).session_reused  # it was not verified yet


def test_another_server_is_verified_for_itself(
    client: ssl.SSLContext, authority: trustme.CA
) -> None:
    assert isinstance(client, Resuming)
    client.keep(talk(client, server(authority, ssl.TLSVersion.TLSv1_3, HOST)))
    for wrong in (
        server(authority, ssl.TLSVersion.TLSv1_3, OTHER),
        server(trustme.CA(), ssl.TLSVersion.TLSv1_3, HOST),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            talk(client, wrong)


def test_it_is_as_strict_as_the_usual_context() -> None:
    ours, usual = client_tls(None), ssl.create_default_context()
    for name in ("verify_mode", "verify_flags", "check_hostname", "minimum_version", "options"):
        assert getattr(ours, name) == getattr(usual, name)
    assert len(ours.get_ca_certs()) >= len(usual.get_ca_certs())


def test_the_key_log_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert client_tls(None).keylog_filename == str(tmp_path / "keys")


def test_an_upstream_ca_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    for path in (tmp_path / "none.pem", tmp_path / "bad.pem"):
        with pytest.raises(ConfigError, match="upstream CA") as caught:
            client_tls(path)
        assert "--upstream-ca" in (caught.value.hint or "")
