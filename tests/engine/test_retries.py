import pytest

from proxy.core.model import Body, End, Exchange, RequestHead, ResponseHead
from proxy.engine.retries import Retries, failure


def exchange(
    name: str, at: float, status: int | None = 200, *, body: bytes = b"{}", run: str = "r"
) -> Exchange:
    return Exchange(
        id=name,
        run_id=run,
        seq=1,
        via="forward",
        started_at=at,
        request=RequestHead("POST", "https", "a.test", 443, "/x"),
        request_body=Body(body),
        response=ResponseHead(status, "Too Many Requests" if status == 429 else "")
        if status
        else None,
        end=End.COMPLETE if status else End.UPSTREAM_RESET,
        ended_us=500_000,
    )


def annotated(*exchanges: Exchange) -> list[Exchange]:
    retries = Retries()
    for one in exchanges:
        retries.annotate(one)
    return list(exchanges)


def test_the_same_request_after_a_failure_is_its_next_attempt() -> None:
    _, second, third = annotated(
        exchange("a", 10.0, 429), exchange("b", 11.0, None), exchange("c", 12.0, 200)
    )
    assert (second.attempt, second.retry_of, second.retry_reason) == (
        2,
        "a",
        "429 Too Many Requests",
    )
    assert second.backoff_us == 500_000
    assert (third.attempt, third.retry_of, third.retry_reason) == (3, "b", "upstream_reset")


@pytest.mark.parametrize(
    "other",
    [
        exchange("b", 11.0, body=b'{"n":2}'),
        exchange("b", 11.0, run="another"),
        exchange("b", 10.2),  # began while the first was still going on
    ],
)
def test_what_is_not_the_same_request_later_is_no_retry(other: Exchange) -> None:
    annotated(exchange("a", 10.0, 500), other)
    assert (other.attempt, other.retry_of, other.backoff_us) == (1, None, None)


def test_a_repeat_after_success_is_no_retry() -> None:
    _, second = annotated(exchange("a", 10.0), exchange("b", 11.0))
    assert second.attempt == 1


def test_only_recent_failures_are_remembered() -> None:
    retries = Retries()
    for number in range(600):
        retries.annotate(exchange(f"x{number}", 1.0, 500, body=str(number).encode()))
    old = exchange("again", 9.0, body=b"0")
    recent = exchange("again", 9.0, body=b"599")
    retries.annotate(old)
    retries.annotate(recent)
    assert (old.attempt, recent.attempt) == (1, 2)


@pytest.mark.parametrize(("status", "said"), [(200, None), (404, "404"), (None, "upstream_reset")])
def test_failure_names_the_reason(status: int | None, said: str | None) -> None:
    assert failure(exchange("a", 1.0, status)) == said
