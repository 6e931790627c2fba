"""A provider in the test's own event loop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from proxy.demo.provider import Provider


@pytest_asyncio.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    async with Provider(tmp_path, pace=0) as running:
        yield running
