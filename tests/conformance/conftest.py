"""Each store in turn, which must be sound after every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.stores import open_store
from proxy.stores._api import (
    Store,
)
from tests.conformance.stored import STORES_UNDER_TEST


@pytest.fixture(params=STORES_UNDER_TEST)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(STORES_UNDER_TEST[request.param](tmp_path))
    yield opened
    assert opened.verify() == []
    opened.close()
