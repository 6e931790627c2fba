from proxy.core.matching import MatchRequest
from proxy.core.matching.exact import key
from proxy.core.model import Headers, RequestHead


def of(
    body: bytes = b"{}", target: str = "/x", host: str = "h", headers: Headers = (), port: int = 443
) -> object:
    head = RequestHead("POST", "https", host, port, target, headers=headers)
    return key(MatchRequest("s", head, body)).id


def test_the_same_bytes_are_the_same() -> None:
    assert of() == of(host="H", headers=((b"user-agent", b"y"),))
    assert hash(of()) == hash(of())
    assert key(MatchRequest("s", RequestHead("GET", "https", "h", 1, "/"), b"")).left_out == ()


def test_anything_else_is_not() -> None:
    others = [
        of(b"{ }"),
        of(target="/x?"),
        of(host="g"),
        of(port=8443),
        of(headers=((b"range", b"1"),)),
    ]
    assert of() not in others
