from typing import Any

import pytest

from proxy.core.model import Event
from proxy.core.outcomes._stand_ins import stand_in


def call(name: str, url: str = "", given: Any = None, code: int = 200, at: float = 1.0) -> Event:
    status = "ok" if code < 400 else "error"
    data = {"url": url, "statusCode": code, "call": {"input": given}}
    return Event("r", "tool_call", name, at, at + 0.1, status, data)


def http(url: str, given: Any = None, code: int = 200, at: float = 1.0) -> Event:
    return call(f"POST {url}", f"https://{url}", given, code, at)


CITY, ROME, TO = {"city": "Oslo"}, {"city": "Rome"}, {"to": "jane@a.test"}
CASES: list[tuple[Event, Event, bool]] = [
    (http("a.test/v1/weather", CITY, 503), http("b.test/v1/weather", CITY, at=2), True),
    (http("a.test/v1/weather", CITY, 503), http("b.test/forecast/weather", CITY, at=2), True),
    (http("a.test/v2/search?q=x", None, 503), http("a.test/v1/search?q=x", None, at=2), True),
    (http("a.test/customers/17", None, 503), http("b.test/customers/17", None, at=2), True),
    (http("a.test/customers/17", None, 503), http("b.test/customers/18", None, at=2), False),
    (http("a.test/customers/17", None, 503), http("a.test/customers/17/notes", None, at=2), False),
    (http("a.test/find", TO, 503), http("b.test/send", TO, at=2), False),
    (http("a.test/v1/weather", CITY, 503), http("b.test/v1/weather", ROME, at=2), False),
    (http("a.test/v1/weather", CITY, 503), http("b.test/v1/weather", CITY, 500, at=2), False),
    (http("a.test/v1/weather", CITY, 503, at=3), http("b.test/v1/weather", CITY, at=2), False),
    (http("a.test/v1/weather", None, 503), http("b.test/v1/weather", None, at=2), False),
    (call("mcp:s/find_main", given=CITY, code=500), call("mcp:s/find_alt", given=CITY, at=2), True),
    (call("mcp:s/search", given=CITY, code=500), call("mcp:t/search", given=CITY, at=2), True),
    (call("mcp:s/search", given=CITY, code=500), call("mcp:s/delete", given=CITY, at=2), False),
    (call("mcp:s/search", given=CITY, code=500), http("b.test/v1/search", CITY, at=2), True),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "other", "expected"), CASES)
def test_who_stands_in(bad: Event, other: Event, expected: bool) -> None:
    assert stand_in(bad, [bad, other]) is (other if expected else None)


def test_a_model_is_no_tool() -> None:
    bad = Event("r", "llm_call", "openai.chat", 1.0, status="error", data={})
    assert stand_in(bad, [bad, http("b.test/v1/weather", CITY, at=2)]) is None
