import pytest

from proxy.core.matching.headers import content_headers
from proxy.core.model import Headers

CASES: list[tuple[Headers, dict[str, str]]] = [
    (((b"User-Agent", b"x"), (b"Authorization", b"y")), {}),
    (((b"Range", b" bytes=0-9 "),), {"range": "bytes=0-9"}),
    (((b"Accept", b"*/*"),), {}),
    (((b"Accept", b"application/json, text/event-stream"),), {}),
    (((b"ACCEPT", b"text/csv;q=0.5, application/json"),), {"accept": "text/csv"}),
    (((b"accept", b"b/b, a/a"),), {"accept": "a/a, b/b"}),
    (((b"accept-language", b"*"),), {}),
    (((b"accept-language", b"de, en;q=0.5"),), {"accept-language": "de, en"}),
    (((b"prefer", b"a"), (b"Prefer", b"b")), {"prefer": "a, b"}),
]


@pytest.mark.parametrize(("headers", "expected"), CASES)
def test_only_what_chooses_an_answer(headers: Headers, expected: dict[str, str]) -> None:
    assert content_headers(headers) == expected


def test_ignored() -> None:
    assert content_headers(((b"Range", b"x"),), frozenset(["range"])) == {}
