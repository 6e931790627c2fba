from typing import Any

from proxy.core.model import Event
from proxy.core.replay.world import values


def event(name: str, at: float, kind: str = "state", **data: Any) -> Event:
    return Event("r", kind, name, at, data=data, id=int(at))


def test_values_by_name_in_the_order_they_were_made() -> None:
    events = [
        event("id", 3, of="value", value="b"),
        event("id", 1, of="value", value="a"),
        event("dice", 2, of="value", value=6),
        event("flag", 2, value=True),
        event("id", 4, "tool_call", of="value", value="c"),
        event("id", 5, of="value"),
    ]
    assert values(events) == {"id": ["a", "b"], "dice": [6], "state:flag": [True]}
