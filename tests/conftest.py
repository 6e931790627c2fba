"""For all tests: how hypothesis searches, and a collector that leaves alone what stays anyway."""

import gc
import os

import pytest
from hypothesis import settings

# DASHCAM_EXAMPLES=1000 for a longer search; a deadline would be a timed assertion.
settings.register_profile(
    "dashcam", deadline=None, max_examples=int(os.environ.get("DASHCAM_EXAMPLES", "30"))
)
settings.load_profile("dashcam")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of tests and the providers' SDKs stay to the end: not to be looked at each time."""
    gc.collect()
    gc.freeze()
