"""What a recording knows of the world around its calls: its time, values made or read in it."""

from collections.abc import Iterable
from typing import Any

from proxy.core.model import Event

OF_VALUE = "value"  # `of` in the data of an event that `dashcam.value` has reported


_STATE = "state:"  # before the names of what `dashcam.state` has reported


def values(events: Iterable[Event]) -> dict[str, list[Any]]:
    """Recorded values and states by name, in order."""
    found: dict[str, list[Any]] = {}
    told = [one for one in events if one.kind == "state" and "value" in one.data]
    for event in sorted(told, key=lambda one: (one.started_at, one.id or 0)):
        made = event.data.get("of") == OF_VALUE
        name = event.name if made else f"{_STATE}{event.name}"
        found.setdefault(name, []).append(event.data["value"])
    return found
