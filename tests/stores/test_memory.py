"""What a store in memory does otherwise. What every store does: tests/conformance."""

from pathlib import Path

import pytest

from proxy.core.model import Run
from proxy.errors import StoreError
from proxy.stores._api import OpenRun, RunQuery, Size
from proxy.stores.memory import MemoryStore


def test_it_cannot_be_copied(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be copied"):
        MemoryStore().backup(tmp_path / "x.db")


def test_it_forgets_when_it_is_closed() -> None:
    store = MemoryStore()
    store.write([OpenRun(Run("r", "l", "c", 0.0))])
    assert len(store.runs(RunQuery())) == 1
    store.close()
    assert store.runs(RunQuery()) == []
    assert store.size() == Size(0, 0, 0)
