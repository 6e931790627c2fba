import json
import math
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import dashcam
import pytest
from dashcam import reports

World = Callable[[Any], Path]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The data of what is reported."""
    found: list[dict[str, Any]] = []

    def event(kind: str, name: str, *, data: dict[str, Any], run: Any = None) -> None:
        found.append({"kind": kind, "name": name, **data})

    monkeypatch.setattr(reports, "event", event)
    return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    def write(content: Any) -> Path:
        path = tmp_path / "world.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        monkeypatch.setenv("DASHCAM_WORLD", str(path))
        return path

    return write


@pytest.fixture(autouse=True)
def no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHCAM_WORLD", raising=False)


def test_a_value_is_made_and_told(told: list[dict[str, Any]]) -> None:
    numbers = count(1)
    assert [dashcam.value("id", lambda: next(numbers)) for _ in range(2)] == [1, 2]
    assert told == [
        {"kind": "state", "name": "id", "value": number, "of": "value", "served": False}
        for number in (1, 2)
    ]


def test_recorded_values_are_served_once_each_whichever_process_asks(
    told: list[dict[str, Any]], world: World
) -> None:
    path = world({"values": {"id": ["a", None], "with/slash": [{"x": 1}]}})
    Path(f"{path}.other").touch()
    asked = [dashcam.value("id", lambda: "new") for _ in range(3)]
    assert asked == ["a", None, "new"]
    assert [one["served"] for one in told] == [True, True, False]
    assert dashcam.value("with/slash", dict) == {"x": 1}
    assert dashcam.value("unknown", lambda: "made") == "made"
    assert len(list(path.parent.glob("world.json.*.[0-9]*"))) == 3


@pytest.mark.parametrize("content", ["{", [], {"values": 3}, {"values": {"id": 7}}])
def test_what_cannot_be_read_is_made(content: Any, world: World, told: list[Any]) -> None:
    world(content)
    assert dashcam.value("id", lambda: "made") == "made"


@pytest.mark.parametrize("odd", [object(), math.nan, {1, 2}])
def test_what_is_no_json_is_only_returned(odd: Any, told: list[Any]) -> None:
    assert dashcam.value("id", lambda: odd) is odd
    assert told == []


def test_what_make_raises_is_the_programs() -> None:
    with pytest.raises(ZeroDivisionError):
        dashcam.value("id", lambda: 1 // 0)


def test_a_state_is_told_and_in_a_replay_what_it_was(
    world: World, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dashcam.state("plan", "free") == "free"
    world({"values": {"plan": ["a value"], "state:plan": ["pro", None]}})
    assert [dashcam.state("plan", "free") for _ in range(3)] == ["pro", None, "free"]
    assert dashcam.value("plan", lambda: "made") == "a value"
    assert [(one["value"], one.get("served")) for one in told[:4]] == [
        ("free", None),
        ("pro", True),
        (None, True),
        ("free", None),
    ]
