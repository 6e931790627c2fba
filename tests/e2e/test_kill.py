"""kill -9 under load: every call that was answered whole is in the store, which opens clean.

`DASHCAM_KILLS` says how often (default 2); all kills hit the same store.
"""

import os
import random
import ssl

from tests.budget import within
from tests.upstream.dashcam import Dashcam
from tests.upstream.load import Load

KILLS = int(os.environ.get("DASHCAM_KILLS", "2"))
CLOSELY = 1 if KILLS < 10 else 20  # of how many kills one is followed by a look at every hash
WORKERS = 8
KINDS = (
    "/fixed?size=300",
    "/chunked?sizes=10,2000,30",
    "/fixed?size=200000",
    "/encoded?coding=gzip&pieces=4",
)


def test_no_answered_call_is_lost_in_a_kill(dashcam: Dashcam) -> None:
    trust = ssl.create_default_context(cafile=dashcam("ca", "path").out.strip())
    chance = random.Random(2026)  # noqa: S311 - for variety, not for secrets
    answered: dict[str, list[str]] = {}
    for kill in within(range(KILLS)):
        run = f"kill-{kill}"

        def target(number: int, run: str = run) -> str:
            kind = KINDS[number % len(KINDS)]
            return f"https://upstream.test{kind}&of={run}&number={number}"

        with dashcam.up(loaded=kill > 0) as service:
            proxy = service.proxy.replace("://", f"://{run}:x@")
            load = Load(proxy, trust, target, chance.randint(5, 120), service.kill)
            load.run(WORKERS)
        answered[run] = load.completed
        if kill % CLOSELY == 0:
            dashcam("verify")
    dashcam("verify")
    for run, urls in answered.items():
        calls = {call["url"]: call for call in dashcam.calls(run)}
        lost = [url for url in urls if url not in calls]
        assert not lost, f"{len(lost)} of {len(urls)} answered calls are lost"
        assert {calls[url]["end"] for url in urls} == {"complete"}
    total = sum(map(len, answered.values()))
    print(f"# {len(answered)} kills, {total} answered calls, 0 lost, 0 files damaged")  # noqa: T201 - to be shown
