import pytest

from addons.heads import absolute, upstream_head
from proxy.core.http1 import parse_request
from proxy.core.model import RequestHead
from proxy.errors import FormatError

REQUEST = RequestHead("GET", "http", "a.test", 80, "/x?y=1")


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("http://a/x?y", ("http", "a", 80, "/x?y")),
        ("http://a:81", ("http", "a", 81, "/")),
        ("http://a?q=1", ("http", "a", 80, "/?q=1")),
        ("http://u:p@a/", ("http", "a", 80, "/")),
        ("http://[::1]:9/x", ("http", "::1", 9, "/x")),
        ("http://[::1]?q", ("http", "::1", 80, "/?q")),
        ("http://u@[::1]:9/x", ("http", "::1", 9, "/x")),
        ("http://a.b.:/", ("http", "a.b.", 80, "/")),
        ("http://a?q=/x@b", ("http", "a", 80, "/?q=/x@b")),
    ],
)
def test_absolute_targets(target: str, parts: tuple[str, str, int, str]) -> None:
    assert absolute(target) == parts


NO_HOSTS = (
    *("", "a..b", ".a", "..", "a" * 64, ".".join(["a" * 50] * 6), "tes\x8e", "b\xfccher", "a<b"),
    *("a:0", "a:x", "a:+80", "a:8_0", "a:65536", "a:1:2", "a#b"),
    *("[::1", "[::1]80", "[a]", "[80]", "[1::1::1]", "::1", "x[::1]"),
)


@pytest.mark.parametrize("target", ["/x", "ftp://a/", *(f"http://{host}/x" for host in NO_HOSTS)])
def test_targets_that_are_none(target: str) -> None:
    with pytest.raises(FormatError):
        absolute(target)


@pytest.mark.parametrize(
    ("lines", "absolute_form", "expected"),
    [
        (b"HOST: other\r\nX:  1", False, b"HOST: other\r\nX:  1"),
        (b"HOST: other\r\nX:  1", True, b"HOST: a.test\r\nX:  1"),
        (b"host: A.test", True, b"host: A.test"),
        (b"Host: a.test:80", True, b"Host: a.test:80"),
        (b"Host: a.test\r\nDashcam-Run: r\r\nX: 1", False, b"Host: a.test\r\nX: 1"),
        (b"Host: a.test\r\nconnection: Close\r\nX: 1", False, b"Host: a.test\r\nX: 1"),
        (
            b"Host: a.test\r\nConnection: keep-alive",
            False,
            b"Host: a.test\r\nConnection: keep-alive",
        ),
        (b"Host: a.test\r\nConnection: close, x", False, b"Host: a.test\r\nConnection: close, x"),
    ],
)
def test_what_goes_on(lines: bytes, absolute_form: bool, expected: bytes) -> None:
    target = b"http://a.test/x?y=1" if absolute_form else b"/x?y=1"
    raw = b"GET %b HTTP/1.1\r\n%b\r\n\r\n" % (target, lines)
    sent = upstream_head(parse_request(raw), REQUEST, raw, absolute_form)
    assert sent == b"GET /x?y=1 HTTP/1.1\r\n%b\r\n\r\n" % expected
