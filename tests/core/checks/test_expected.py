import pytest

from proxy.core.checks.expected import expected
from proxy.core.model import Event, Outcome

COMPLETED = Outcome("r", "l", "Completed", None, None, None, None, 1.0)


def call(number: int, status: int) -> Event:
    data = {"seq": number, "statusCode": status, "method": "GET", "url": f"http://a/{number}"}
    kind = "error" if status >= 400 else "ok"
    return Event(
        "r", "tool_call", f"GET a/{number}", float(number), None, kind, data, id=number * 10
    )


def failed(*evidence: int) -> Outcome:
    return Outcome("r", "l", "Failed", "Tool Error", "x", None, None, 1.0, evidence=evidence)


EVENTS = [call(1, 200), call(2, 401), call(3, 500), call(4, 200)]


@pytest.mark.parametrize(
    ("outcome", "events", "checks"),
    [
        (COMPLETED, EVENTS, {"outcome": "Completed", "follows": True}),
        (None, EVENTS, {"outcome": "Completed", "follows": True}),
        (failed(20), EVENTS, {"recovers": 2, "follows": 2}),
        (failed(10, 20), EVENTS, {"recovers": 2, "follows": 2}),
        (failed(), EVENTS, {"recovers": 3, "follows": 3}),
        (failed(), EVENTS[:1], {"outcome": "Completed"}),
        (failed(99), EVENTS[:1], {"outcome": "Completed"}),
    ],
)
def test_expected(outcome: Outcome | None, events: list[Event], checks: dict[str, object]) -> None:
    assert expected(outcome, events) == checks
