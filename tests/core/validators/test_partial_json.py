import pytest

from proxy.core.model import Headers
from proxy.core.validators.partial_json import check
from tests.core.validators.payloads import JSON, exchange, material

TEXT: Headers = ((b"content-type", b"text/plain"),)


@pytest.mark.parametrize(
    ("got", "headers", "status", "said"),
    [
        (b'{"a": [1, 2', JSON, 200, ["the JSON ends after 11 bytes, at '{\"a\": [1, 2'"]),
        (b'{"a": "xy', JSON, 200, ['the JSON ends after 9 bytes, at \'{"a": "xy\'']),
        (b'{"a": 1}', JSON, 200, []),
        (b"", JSON, 200, []),
        (b"null", JSON, 200, []),
        (b"<html>", JSON, 200, []),
        (b'{"a": ', JSON, 500, []),
        (b'{"a": ', TEXT, 200, []),
    ],
)
def test_json_that_ends_early(got: bytes, headers: Headers, status: int, said: list[str]) -> None:
    made = exchange("https://crm.test/x", {}, got, headers=headers, status=status)
    assert [one.message for one in check(material(made))] == said
