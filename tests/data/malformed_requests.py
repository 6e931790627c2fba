"""Requests that two parsers could read in two ways, or that none should read at all.

Every one of them must be refused, whoever reads it, with a reason that does not repeat `SECRET`.
`LAX` are the ones that h11 takes, each with what it makes of it: we are stricter there on purpose.
`ODD` are unusual and right: every one of them must be read.
"""

from collections.abc import Mapping
from typing import Final

SECRET: Final = b"sk-s3cr3t-5f1e"
_HOST = b"Host: api.test\r\n"
_KEY = b"Authorization: Bearer " + SECRET + b"\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"


def _get(line: bytes, headers: bytes = b"") -> bytes:
    """A request with this line."""
    return line + b"\r\n" + _HOST + _KEY + headers + b"\r\n"


def _post(headers: bytes, body: bytes = b"") -> bytes:
    """A request with these headers besides the usual ones."""
    line = b"POST /v1/messages?key=" + SECRET + b" HTTP/1.1\r\n"
    return line + _HOST + _KEY + headers + b"\r\n" + body


def _chunks(body: bytes) -> bytes:
    """A request with this chunked body."""
    return _post(_CHUNKED, body)


_REQUEST_LINES = {
    "no target": _get(b"GET HTTP/1.1"),
    "empty target": _get(b"GET  HTTP/1.1"),
    "two blanks before the version": _get(b"GET /  HTTP/1.1"),
    "tab for a blank": _get(b"GET\t/\tHTTP/1.1"),
    "blank in the target": _get(b"GET /a b HTTP/1.1"),
    "leading blank": _get(b" GET / HTTP/1.1"),
    "trailing blank": _get(b"GET / HTTP/1.1 "),
    "leading blank line": _get(b"\r\nGET / HTTP/1.1"),
    "no version": _get(b"GET /"),
    "HTTP/0.9": _get(b"GET / HTTP/0.9"),
    "HTTP/1.2": _get(b"GET / HTTP/1.2"),
    "HTTP/1.10": _get(b"GET / HTTP/1.10"),
    "HTTP/01.1": _get(b"GET / HTTP/01.1"),
    "HTTP/2.0": _get(b"GET / HTTP/2.0"),
    "version in lower case": _get(b"GET / http/1.1"),
    "another protocol": _get(b"GET / HTTPS/1.1"),
    "control byte in the method": _get(b"GE\x01T / HTTP/1.1"),
    "NUL in the method": _get(b"GE\x00T / HTTP/1.1"),
    "parenthesis in the method": _get(b"GE(T / HTTP/1.1"),
    "obs-text in the method": _get(b"GE\xc3\xa9T / HTTP/1.1"),
    "empty method": _get(b" / HTTP/1.1"),
    "control byte in the target": _get(b"GET /a\x01b HTTP/1.1"),
    "NUL in the target": _get(b"GET /a\x00b HTTP/1.1"),
    "DEL in the target": _get(b"GET /a\x7fb HTTP/1.1"),
    "tab in the target": _get(b"GET /a\tb HTTP/1.1"),
    "bare CR in the target": _get(b"GET /a\rb HTTP/1.1"),
    "bare LF in the target": _get(b"GET /a\nb HTTP/1.1"),
    "authority form": _get(b"GET api.test:443 HTTP/1.1"),
    "tunnel in a tunnel": _get(b"CONNECT api.test:443 HTTP/1.1"),
    "asterisk for another method": _get(b"GET * HTTP/1.1"),
    "path without a slash": _get(b"GET v1/models HTTP/1.1"),
    "URL without a scheme": _get(b"GET ://api.test/ HTTP/1.1"),
}

_HOSTS = {
    "no Host": b"GET / HTTP/1.1\r\n" + _KEY + b"\r\n",
    "two Hosts": _post(b"Host: other.example\r\n"),
    "two equal Hosts": _post(_HOST),
    "two Hosts in HTTP/1.0": b"GET / HTTP/1.0\r\n" + _HOST + _HOST + _KEY + b"\r\n",
    "list of Hosts": b"GET / HTTP/1.1\r\nHost: a.test, b.example\r\n" + _KEY + b"\r\n",
    "blank in the Host": b"GET / HTTP/1.1\r\nHost: a.test b.example\r\n" + _KEY + b"\r\n",
    "path in the Host": b"GET / HTTP/1.1\r\nHost: a.test/x\r\n" + _KEY + b"\r\n",
    "user in the Host": b"GET / HTTP/1.1\r\nHost: " + SECRET + b"@a.test\r\n\r\n",
}

_LENGTHS = {
    "length and chunked": _post(b"Content-Length: 5\r\n" + _CHUNKED, b"0\r\n\r\n"),
    "chunked and length": _post(_CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    "length 0 and chunked": _post(b"Content-Length: 0\r\n" + _CHUNKED, b"0\r\n\r\n"),
    "two lengths": _post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello!"),
    "two equal lengths": _post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
    "two lengths, other case": _post(b"content-length: 5\r\nCONTENT-LENGTH: 6\r\n", b"hello!"),
    "list of lengths": _post(b"Content-Length: 5, 6\r\n", b"hello!"),
    "list of equal lengths": _post(b"Content-Length: 5, 5\r\n", b"hello"),
    "length with a plus": _post(b"Content-Length: +5\r\n", b"hello"),
    "length with a minus": _post(b"Content-Length: -5\r\n", b"hello"),
    "length with a blank": _post(b"Content-Length: 5 0\r\n", b"hello"),
    "length in hex": _post(b"Content-Length: 0x5\r\n", b"hello"),
    "length with a letter": _post(b"Content-Length: 5a\r\n", b"hello"),
    "length with a fraction": _post(b"Content-Length: 5.0\r\n", b"hello"),
    "length with an exponent": _post(b"Content-Length: 5e0\r\n", b"hello"),
    "length with an underscore": _post(b"Content-Length: 1_0\r\n", b"0123456789"),
    "length in quotes": _post(b'Content-Length: "5"\r\n', b"hello"),
    "length in other digits": _post("Content-Length: \u0665\r\n".encode(), b"hello"),
    "empty length": _post(b"Content-Length:\r\n", b"hello"),
    "length beyond counting": _post(b"Content-Length: 9999999999999999999999\r\n", b"hello"),
}

_CODINGS = {
    "chunked, identity": _post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "identity, chunked": _post(b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n"),
    "chunked, chunked": _post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    "gzip, chunked": _post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "identity": _post(b"Transfer-Encoding: identity\r\n"),
    "xchunked": _post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunkedx": _post(b"Transfer-Encoding: chunkedx\r\n", b"0\r\n\r\n"),
    "chunked in quotes": _post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    "chunked with a parameter": _post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n"),
    "comma before chunked": _post(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n"),
    "comma after chunked": _post(b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n"),
    "chunked twice": _post(_CHUNKED + _CHUNKED, b"0\r\n\r\n"),
    "chunked and identity": _post(_CHUNKED + b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"),
    "empty coding": _post(b"Transfer-Encoding:\r\n", b"0\r\n\r\n"),
    "vertical tab before chunked": _post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "NUL after chunked": _post(b"Transfer-Encoding: chunked\x00\r\n", b"0\r\n\r\n"),
    "chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\n" + _HOST + _KEY + _CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
}

_HEADERS = {
    "folded value": _post(b"X-A: one\r\n two\r\n"),
    "folded with a tab": _post(b"X-A: one\r\n\ttwo\r\n"),
    "fold hides a coding": _post(b"X-A: one\r\n Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "coding is folded": _post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
    "fold before the first header": b"GET / HTTP/1.1\r\n " + _HOST + _KEY + b"\r\n",
    "key is folded": b"GET / HTTP/1.1\r\n" + _HOST + b"X-Key:\r\n " + SECRET + b"\r\n\r\n",
    "key without a name": b"GET / HTTP/1.1\r\n" + _HOST + SECRET + b"\r\n\r\n",
    "key broken by a NUL": b"GET / HTTP/1.1\r\n" + _HOST + b"X-Key: " + SECRET + b"\x00\r\n\r\n",
    "blank line with a blank": _post(b" \r\n"),
    "bare CR in a value": _post(b"X-A: one\rX-B: two\r\n"),
    "bare CR hides a coding": _post(b"X-A: one\rTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "CR CR LF": _post(b"X-A: one\r\r\n"),
    "bare LF in a value": _post(b"X-A: one\nX-B: two\r\n"),
    "LF line ends": b"GET / HTTP/1.1\nHost: a.test\nX-Key: " + SECRET + b"\n\n",
    "CR line ends": b"GET / HTTP/1.1\rHost: a.test\rX-Key: " + SECRET + b"\r\r",
    "LF blank line": b"GET / HTTP/1.1\r\n" + _HOST + _KEY[:-2] + b"\n\r\n",
    "NUL in a value": _post(b"X-A: one\x00two\r\n"),
    "control byte in a value": _post(b"X-A: one\x01two\r\n"),
    "escape in a value": _post(b"X-A: one\x1b[2Jtwo\r\n"),
    "DEL in a value": _post(b"X-A: one\x7ftwo\r\n"),
    "vertical tab in a value": _post(b"X-A: one\x0btwo\r\n"),
    "NUL in a name": _post(b"X-\x00A: one\r\n"),
    "control byte in a name": _post(b"X-\x01A: one\r\n"),
    "obs-text in a name": _post(b"X-\xc3\xa9: one\r\n"),
    "blank before the colon": _post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    "tab before the colon": _post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n"),
    "blank in a name": _post(b"X A: one\r\n"),
    "empty name": _post(b": one\r\n"),
    "no colon": _post(b"Transfer-Encoding chunked\r\n", b"0\r\n\r\n"),
    "name in quotes": _post(b'"X-A": one\r\n'),
    "too many headers": _post(b"X-A: one\r\n" * 260),
    "overlong value": _post(b"X-A: " + b"a" * 270_000 + b"\r\n"),
    "overlong target": _get(b"GET /" + b"a" * 270_000 + b" HTTP/1.1"),
    "overlong, no end in sight": b"GET /?key=" + SECRET + b"a" * 270_000,
}

_BODIES = {
    "size with a plus": _chunks(b"+5\r\nhello\r\n0\r\n\r\n"),
    "size with a minus": _chunks(b"-5\r\nhello\r\n0\r\n\r\n"),
    "size with 0x": _chunks(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "size with a blank before": _chunks(b" 5\r\nhello\r\n0\r\n\r\n"),
    "size with a blank inside": _chunks(b"0 5\r\nhello\r\n0\r\n\r\n"),
    "size with an underscore": _chunks(b"0_5\r\nhello\r\n0\r\n\r\n"),
    "size in quotes": _chunks(b'"5"\r\nhello\r\n0\r\n\r\n'),
    "size of another alphabet": _chunks(b"5g\r\nhello\r\n0\r\n\r\n"),
    "size that overflows": _chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "size that overflows with zeros": _chunks(b"00000000000000000000005\r\nhello\r\n0\r\n\r\n"),
    "empty size": _chunks(b"\r\nhello\r\n0\r\n\r\n"),
    "extension without a size": _chunks(b";a=b\r\nhello\r\n0\r\n\r\n"),
    "extension without a semicolon": _chunks(b"5 a=b\r\nhello\r\n0\r\n\r\n"),
    "control byte in an extension": _chunks(b"5;a=\x01\r\nhello\r\n0\r\n\r\n"),
    "NUL in an extension": _chunks(b"5;a=\x00\r\nhello\r\n0\r\n\r\n"),
    "bare CR in an extension": _chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "bare LF in an extension": _chunks(b"5;a\nhello\r\n0\r\n\r\n"),
    "overlong extension": _chunks(b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
    "LF after a size": _chunks(b"5\nhello\r\n0\r\n\r\n"),
    "CR after a size": _chunks(b"5\rhello\r0\r\r"),
    "LF after a chunk": _chunks(b"5\r\nhello\n0\r\n\r\n"),
    "nothing after a chunk": _chunks(b"5\r\nhello0\r\n\r\n"),
    "chunk longer than its size": _chunks(b"5\r\nhello!\r\n0\r\n\r\n"),
    "CR CR after a chunk": _chunks(b"5\r\nhello\r\r0\r\n\r\n"),
    "LF only chunks": _chunks(b"5\nhello\n0\n\n"),
    "LF ends the body": _chunks(b"5\r\nhello\r\n0\r\n\n"),
    "CR CR ends the body": _chunks(b"5\r\nhello\r\n0\r\n\r\r"),
    "trailer without a colon": _chunks(b"0\r\nX-T " + SECRET + b"\r\n\r\n"),
    "trailer with a blank before the colon": _chunks(b"0\r\nX-T : a\r\n\r\n"),
    "trailer without a name": _chunks(b"0\r\n: a\r\n\r\n"),
    "trailer with a NUL": _chunks(b"0\r\nX-T: a\x00\r\n\r\n"),
    "folded trailer": _chunks(b"0\r\nX-T: a\r\n b\r\n\r\n"),
    "bare LF after a trailer": _chunks(b"0\r\nX-T: a\n\r\n"),
    "bare CR in a trailer": _chunks(b"0\r\nX-T: a\rb\r\n\r\n"),
    "length in the trailers": _chunks(b"0\r\nContent-Length: 5\r\n\r\n"),
    "coding in the trailers": _chunks(b"0\r\ntransfer-encoding: chunked\r\n\r\n"),
    "Host in the trailers": _chunks(b"0\r\nHost: other.example\r\n\r\n"),
    "too many trailers": _chunks(b"0\r\n" + b"X-T: a\r\n" * 260 + b"\r\n"),
    "overlong trailers": _chunks(b"0\r\nX-T: " + b"a" * 17_000 + b"\r\n\r\n"),
}

MALFORMED: Final[Mapping[str, bytes]] = {
    **_REQUEST_LINES,
    **_HOSTS,
    **_LENGTHS,
    **_CODINGS,
    **_HEADERS,
    **_BODIES,
}

LAX: Final[Mapping[str, str]] = {
    "HTTP/0.9": "takes any version of one digit each",
    "HTTP/1.2": "takes any version of one digit each",
    "HTTP/2.0": "takes any version of one digit each",
    "authority form": "leaves the target's form to its user",
    "tunnel in a tunnel": "leaves the target's form to its user",
    "asterisk for another method": "leaves the target's form to its user",
    "path without a slash": "leaves the target's form to its user",
    "URL without a scheme": "leaves the target's form to its user",
    "list of Hosts": "leaves the Host to its user",
    "blank in the Host": "leaves the Host to its user",
    "path in the Host": "leaves the Host to its user",
    "user in the Host": "leaves the Host to its user",
    "length and chunked": "lets the coding win",
    "chunked and length": "lets the coding win",
    "length 0 and chunked": "lets the coding win",
    "two equal lengths": "takes lengths that agree",
    "list of equal lengths": "takes lengths that agree",
    "chunked in HTTP/1.0": "ignores the version",
    "folded value": "unfolds",
    "folded with a tab": "unfolds",
    "fold hides a coding": "unfolds",
    "coding is folded": "unfolds",
    "key is folded": "unfolds",
    "blank line with a blank": "unfolds",
    "LF line ends": "takes LF for CR LF",
    "LF blank line": "takes LF for CR LF",
    "bare LF in a value": "takes LF for CR LF",
    "control byte in a value": "allows most control bytes",
    "escape in a value": "allows most control bytes",
    "DEL in a value": "allows most control bytes",
    "too many headers": "counts bytes only",
    "overlong value": "is told to take any size",
    "overlong target": "is told to take any size",
    "overlong, no end in sight": "waits on",
    "CR line ends": "waits on",
    "size that overflows": "counts to 20 digits, and waits for them",
    "control byte in an extension": "skips extensions unread",
    "NUL in an extension": "skips extensions unread",
    "bare CR in an extension": "skips extensions unread",
    "overlong extension": "skips extensions unread",
    "CR after a size": "waits on",
    "LF only chunks": "waits on",
    "CR CR ends the body": "waits on",
    "LF ends the body": "takes LF for CR LF",
    "folded trailer": "unfolds",
    "bare LF after a trailer": "takes LF for CR LF",
    "length in the trailers": "reads trailers as headers",
    "coding in the trailers": "reads trailers as headers",
    "Host in the trailers": "reads trailers as headers",
    "too many trailers": "counts bytes only",
    "overlong trailers": "is told to take any size",
}

ODD: Final[Mapping[str, tuple[bytes, bytes]]] = {
    name: (request, body)
    for name, request, body in (
        ("shortest", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", b""),
        ("HTTP/1.0 without a Host", b"GET / HTTP/1.0\r\n\r\n", b""),
        ("unknown method", _get(b"M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1"), b""),
        ("OPTIONS *", _get(b"OPTIONS * HTTP/1.1"), b""),
        ("absolute form", _get(b"GET http://api.test/a?b HTTP/1.1"), b""),
        ("obs-text in the target", _get(b"GET /caf\xc3\xa9 HTTP/1.1"), b""),
        ("unescaped target", _get(b'GET /a|b{c}"d"<e>^`\\[f]?g=[1]#h HTTP/1.1'), b""),
        ("IPv6 Host", b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", b""),
        ("Host with an underscore", b"GET / HTTP/1.1\r\nHost: my_tool:80\r\n\r\n", b""),
        ("Host in blanks", b"GET / HTTP/1.1\r\nHost: \t a.test \t\r\n\r\n", b""),
        ("empty value", _post(b"X-A:\r\n"), b""),
        ("no blank after the colon", _post(b"X-A:one\r\n"), b""),
        ("blanks and tabs in a value", _post(b"X-A: \t one \t two \t \r\n"), b""),
        ("obs-text in a value", _post(b"X-A: caf\xe9\r\n"), b""),
        ("colons in a value", _post(b"X-A: :a:b::\r\n"), b""),
        ("every byte of a name", _post(b"!#$%&'*+-.^_`|~09AZaz: one\r\n"), b""),
        ("the same header twice", _post(b"Cookie: a=1\r\nCookie: b=2\r\n"), b""),
        ("underscore instead of a hyphen", _post(b"Content_Length: 5\r\n"), b""),
        ("length with zeros", _post(b"Content-Length: 0005\r\n", b"hello"), b"hello"),
        ("length in blanks", _post(b"Content-Length: \t5 \r\n", b"hello"), b"hello"),
        ("length of nothing", _post(b"Content-Length: 0\r\n"), b""),
        ("body of a GET", _get(b"GET / HTTP/1.1", b"Content-Length: 5\r\n") + b"hello", b"hello"),
        ("coding in capitals", _post(b"TRANSFER-ENCODING: CHUNKED\r\n", b"0\r\n\r\n"), b""),
        ("coding in blanks", _post(b"Transfer-Encoding: \tchunked \r\n", b"0\r\n\r\n"), b""),
        ("size with zeros", _chunks(b"0005\r\nhello\r\n000\r\n\r\n"), b"hello"),
        ("size in capitals", _chunks(b"A\r\n0123456789\r\n0\r\n\r\n"), b"0123456789"),
        ("blanks after a size", _chunks(b"5 \t\r\nhello\r\n0 \r\n\r\n"), b"hello"),
        ("extensions", _chunks(b'5;a="b;c";d\r\nhello\r\n0;e\r\n\r\n'), b"hello"),
        ("extension after a blank", _chunks(b"5 ;a\r\nhello\r\n0\r\n\r\n"), b"hello"),
        ("obs-text in an extension", _chunks(b"5;a=\xe9\r\nhello\r\n0\r\n\r\n"), b"hello"),
        ("trailers", _chunks(b"5\r\nhello\r\n0\r\nX-T: a\r\nX-U:\r\n\r\n"), b"hello"),
        ("line ends in a chunk", _chunks(b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n"), b"\r\n0\r\n\r"),
    )
}
