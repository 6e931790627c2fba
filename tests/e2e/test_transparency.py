"""Bytes go through untouched: client and upstream see the same with Dashcam and without it.

Replayed it sees the same once more. The requests of the providers' SDKs are compared in
test_clients.py.
"""

import json
import subprocess
import sys
from typing import Any

from tests.upstream.dashcam import TIMEOUT, Dashcam
from tests.upstream.server import Upstream
from tests.upstream.world import Seen

RAW = (sys.executable, "-m", "tests.e2e.clients.raw_socket")
CASES = 22
# Where a proxy that speaks HTTP has to do otherwise than a wire: an answer that breaks before it
# begins becomes a 502, and one that ends with its connection is given a framing; that a client's
# connection ends is not passed on (RFC 9110, 7.6.1), which an echo shows.
OTHERWISE = {"/reset?after=-1", "/until-close?size=2000", "/echo"}
CLOSES = b"Connection: close\r\n"


def cases(printed: str) -> list[tuple[str, Any]]:
    """What was seen, case by case."""
    lines = [json.loads(line) for line in printed.splitlines()]
    return [(line["case"], line["saw"]) for line in lines if line["case"] not in OTHERWISE]


def requests(seen: list[Seen]) -> list[tuple[str, bytes]]:
    """Requests as they arrived, every byte; in a fixed order, for some are made side by side."""
    return sorted((one.target, one.received.data.replace(CLOSES, b"")) for one in seen)


def direct(argv: tuple[str, ...], dashcam: Dashcam, upstream: Upstream) -> str:
    """What a client prints without Dashcam: through a tunnel that only leads to the upstream."""
    tunnel = f"http://run:x@127.0.0.1:{upstream.ports['tunnel']}"
    trust = str(upstream.certificates.file)
    env = {"HTTPS_PROXY": tunnel, "https_proxy": tunnel, "SSL_CERT_FILE": trust}
    done = subprocess.run(
        argv,
        cwd=dashcam.folder,
        env=dashcam.environment(env),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    return done.stdout


def test_every_byte_of_a_connection(dashcam: Dashcam, upstream: Upstream) -> None:
    without = cases(direct(RAW, dashcam, upstream))
    asked = upstream.world.seen
    upstream.world.tries.clear()
    live = dashcam("run", "--id", "live", "--", *RAW)
    for before, after in zip(without, cases(live.out), strict=True):
        assert after == before
    assert requests(upstream.world.seen[len(asked) :]) == requests(asked)
    assert len(dashcam.calls("live")) >= CASES

    upstream.stop()
    replay = dashcam("replay", "live", "--", *RAW)
    assert len(live.out.splitlines()) == CASES
    for line, again in zip(live.out.splitlines(), replay.out.splitlines(), strict=True):
        assert again == line
