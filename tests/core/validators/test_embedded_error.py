from dataclasses import replace
from typing import Any

import pytest

from proxy.core.model import Body, End
from proxy.core.validators.embedded_error import check
from tests.core.validators.payloads import exchange, material


@pytest.mark.parametrize(
    ("got", "status", "said"),
    [
        ({"customer": 1}, 200, []),
        (
            {"error": {"type": "expired", "message": "token expired"}},
            200,
            ["the status line says 200, and the body expired: token expired"],
        ),
        ({"error": {"type": "expired", "message": "token expired"}}, 401, []),
        (
            {"success": False, "message": "no such order"},
            200,
            ["the status line says 200, and the body error: no such order"],
        ),
    ],
)
def test_errors_in_a_200(got: Any, status: int, said: list[str]) -> None:
    made = exchange("https://crm.test/x", {}, got, status=status)
    assert [one.message for one in check(material(made))] == said


def test_our_own_refusal_is_told_as_one() -> None:
    made = exchange("https://crm.test/x", {"a": 1}, {"error": {"message": "no"}})
    assert list(check(material(made)))
    made.end = End.REFUSED
    assert list(check(material(made))) == []


def test_an_error_in_the_trailers() -> None:
    made = exchange("https://crm.test/crm.v1.Customers/Get", {}, {})
    made.request = replace(made.request, headers=((b"content-type", b"application/grpc"),))
    made.response_body = Body(b"", trailers=((b"grpc-status", b"14"),))
    (one,) = check(material(made))
    assert one.message == "the status line says 200, and the trailers say UNAVAILABLE: UNAVAILABLE"
