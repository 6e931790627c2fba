"""WebSocket conversations through the forward proxy: recorded, then played with no upstream."""

import json
import sys

from tests.upstream.dashcam import Dashcam
from tests.upstream.server import Upstream

CLIENT = (sys.executable, "-m", "tests.e2e.clients.websockets_client")


def test_a_conversation_is_played_back(dashcam: Dashcam, upstream: Upstream) -> None:
    live = dashcam("run", "--id", "live", "--", *CLIENT)
    assert len(live.out.splitlines()) == 7, live.out
    asked = len(upstream.world.seen)
    assert [call["statusCode"] for call in dashcam.calls("live")] == [101] * 6 + [403]
    upstream.stop()

    replay = dashcam("replay", "live", "--", *CLIENT)
    assert replay.out == live.out
    assert "7 served · clean" in replay.err
    assert len(upstream.world.seen) == asked

    report = dashcam.folder / "report.json"
    arguments = ("replay", "live", "--report", str(report), "--", *CLIENT, "goodbye")
    other = dashcam(*arguments, code=2)
    assert "diverged" in other.err
    diverged = json.loads(report.read_text("utf-8"))["diverged"]
    assert len(diverged) == 8  # messages of the client's, each of which says another word
    assert {change["path"] for call in diverged for change in call["differences"]} >= {
        "$.message[1].json.word"
    }
