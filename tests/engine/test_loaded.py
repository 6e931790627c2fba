import gc
from collections.abc import Iterator

import pytest

from proxy.engine import loaded


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_loaded_is_not_looked_through_again() -> None:
    loaded.load()
    assert len(gc.get_objects()) < 1000  # of the tens of thousands of this process
    assert gc.get_freeze_count() > 10_000
