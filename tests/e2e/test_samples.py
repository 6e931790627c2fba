"""The recordings that come with the source: replayed offline by the agent that made them."""

import sys
from pathlib import Path

import pytest

from tests.upstream.dashcam import Dashcam

RECORDINGS = Path(__file__).parents[2] / "recordings"
AGENT = (sys.executable, "-m", "proxy.demo.agent")


@pytest.mark.parametrize(
    ("name", "options", "said", "outcome"),
    [
        ("refund-401", (), "I could not open your account", "Tool Error"),
        ("refund-fixed", ("--fix",), "I have refunded 49.00 EUR", "Completed"),
    ],
)
def test_a_sample_replays_clean_and_has_its_outcome(
    name: str, options: tuple[str, ...], said: str, outcome: str, dashcam: Dashcam
) -> None:
    file = str(RECORDINGS / f"{name}.dashcam.jsonl")
    replay = dashcam("replay", file, "--", *AGENT, *options)
    assert said in replay.out
    assert "clean" in replay.err
    assert dashcam("import", file).code == 0
    assert outcome in dashcam("show", name).out
