import time

import pytest

from proxy.cli._patience import PATIENCE, patiently
from proxy.errors import StoreError, StoreUnavailable


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_a_busy_store_is_tried_again(clock: list[float]) -> None:
    def act() -> str:
        if clock[0] < 101:
            raise StoreUnavailable("busy")
        return "done"

    assert patiently(act) == "done"


def test_patience_ends(clock: list[float]) -> None:
    def act() -> None:
        raise StoreUnavailable("busy")

    with pytest.raises(StoreUnavailable):
        patiently(act)
    assert clock[0] == pytest.approx(100 + PATIENCE, abs=0.1)


def test_other_errors_are_not_tried_again(clock: list[float]) -> None:
    def act() -> None:
        raise StoreError("broken")

    with pytest.raises(StoreError, match="broken"):
        patiently(act)
    assert clock == [100.0]
