import json

import pytest

from proxy.core.model import End, RequestHead, header
from proxy.engine import answers

CHAT = RequestHead("POST", "https", "api.openai.com", 443, "/v1/chat/completions")
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (End.UPSTREAM_REFUSED, 502),
        (End.UPSTREAM_TLS, 502),
        (End.UPSTREAM_RESET, 502),
        (End.UPSTREAM_INVALID, 502),
        (End.UPSTREAM_TIMEOUT, 504),
    ],
)
def test_a_failed_upstream_is_said_in_the_providers_shape(end: End, status: int) -> None:
    answer = answers.failed(CHAT, BODY, end, "nobody there")
    assert answer.status == status
    assert "nobody there" in json.loads(answer.body)["error"]["message"]
    assert header(answer.headers, b"content-length") == str(len(answer.body)).encode()


def test_a_refusal_tells_the_sdk_not_to_try_again() -> None:
    answer = answers.refused(CHAT, BODY, 403, "budget", "no calls left")
    assert header(answer.headers, b"x-should-retry") == b"false"
    assert header(answer.headers, b"dashcam-refused") == b"budget"
    assert "no calls left" in json.loads(answer.body)["error"]["message"]


def test_a_malformed_request_is_answered_with_a_reason_and_closed() -> None:
    answer = answers.malformed("the request line is malformed")
    assert (answer.status, header(answer.headers, b"connection")) == (400, b"close")
    assert b"the request line is malformed" in answer.body


def test_every_end_without_an_answer_has_a_status() -> None:
    ours = {End.COMPLETE, End.CLIENT_GONE, End.CLIENT_TLS, End.INTERRUPTED}
    assert set(answers._STATUS_OF_END) == set(End) - ours
