import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import client_hello
from proxy.errors import FormatError


def hello(host: str | None, *alpn: str) -> bytes:
    """What OpenSSL says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(list(alpn))
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=host).do_handshake()
    return out.read()


def named(name: bytes, kind: int = 0) -> bytes:
    """A hello with nothing but a server's name."""
    one = bytes([kind]) + len(name).to_bytes(2) + name
    names = len(one).to_bytes(2) + one
    extensions = b"\0\0" + len(names).to_bytes(2) + names
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0"
    return said(body + len(extensions).to_bytes(2) + extensions)


def said(body: bytes, kind: int = 1) -> bytes:
    message = bytes([kind]) + len(body).to_bytes(3) + body
    return b"\x16\3\1" + len(message).to_bytes(2) + message


@pytest.mark.parametrize(
    ("host", "alpn"),
    [
        ("api.acme.test", ("h2", "http/1.1")),
        ("api.acme.test", ()),
        (None, ("http/1.1",)),
        ("127.0.0.1", ("h2",)),
    ],
)
def test_of_openssl(host: str | None, alpn: tuple[str, ...]) -> None:
    sni = None if host is None or host[0].isdigit() else host  # an address is no name in TLS
    expected = client_hello.ClientHello(sni, tuple(each.encode() for each in alpn))
    whole = hello(host, *alpn)
    assert client_hello.read(whole) == expected
    assert client_hello.read(whole + b"more") == expected
    for cut in range(len(whole)):
        assert client_hello.read(whole[:cut]) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_in_many_records(size: int) -> None:
    message = hello("api.acme.test", "http/1.1")[5:]
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    records = b"".join(b"\x16\3\1" + len(piece).to_bytes(2) + piece for piece in pieces)
    assert client_hello.read(records) == ("api.acme.test", (b"http/1.1",))
    assert client_hello.read(records[:-1]) is None


@pytest.mark.parametrize(
    ("name", "sni"),
    [
        (b"a", "a"),
        (b"api.acme.test.", "api.acme.test."),
        (b"_dmarc.xn--bcher-kva.example", "_dmarc.xn--bcher-kva.example"),
        (b"::1", "::1"),
        (b"", None),
        (b"a..b", None),
        (b"a/b", None),
        (b"a\r\nb", None),
        (b"b\xfccher", None),
        (b"a." * 128, None),
        (b"a" * 64, None),
    ],
)
def test_a_name_that_may_be_a_hosts(name: bytes, sni: str | None) -> None:
    assert client_hello.read(named(name)) == (sni, ())


def test_a_name_of_another_kind_is_none() -> None:
    assert client_hello.read(named(b"api.acme.test", kind=1)) == (None, ())


def test_without_extensions() -> None:
    assert client_hello.read(said(b"\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0")) == (None, ())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\3\1\0\0",
        said(bytes(40), kind=2),
        said(b""),
        said(b"\3\3" + bytes(32) + b"\x20"),
        named(b"api.acme.test")[:3] + said(b"\3\3" + bytes(32) + b"\0\0\2\x13\1\1\0\xff\xff")[3:],
    ],
)
def test_what_is_no_hello(data: bytes) -> None:
    with pytest.raises(FormatError):
        client_hello.read(data)


@given(st.binary(max_size=64), st.integers(0, 400))
def test_whatever_comes(noise: bytes, at: int) -> None:
    whole = bytearray(hello("api.acme.test", "h2"))
    whole[at : at + len(noise)] = noise
    try:
        client_hello.read(whole)
    except FormatError:
        return
