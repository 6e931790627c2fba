"""Passwords in URLs."""

import pytest

from proxy.core.redaction.userinfo import find

TOKEN = b"SECRET-credential-0123456789ab"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"postgres://me:p%40ss@db/x", [b"p@ss"]),
        (b"redis://:pw1@cache:6379/0", [b"pw1"]),
        (b"amqp://u:p/w@mq/", [b"p/w"]),
        (b"https:\\/\\/u:pw1@h\\/", [b"pw1"]),
        (b"https://a1b2c3d4e5f6a7b8c9d0e1@git.example.com", [b"a1b2c3d4e5f6a7b8c9d0e1"]),
        (b"https://user@example.com/ and mail me@example.com", []),
        (b"http://host:8080/path?mail=a@b.com", []),
        (b"http://host:8080/@scope/pkg", []),
        (b"see ://@ and @", []),
        (b"https://u:%s@h/" % TOKEN, []),
        (b"ftp://u:<password>@h", []),
        (b"@", []),
        (b"a@b", []),
    ],
)
def test_urls(data: bytes, expected: list[bytes]) -> None:
    assert [one.value for one in find(data)] == expected


def test_a_password_with_an_at_sign_goes_whole() -> None:
    data = b"postgres://u:p@ss@db/x"
    assert max(one.end for one in find(data)) == data.index(b"@db")
