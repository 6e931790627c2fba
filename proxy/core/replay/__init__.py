"""Replay: what was recorded is served again, each call once, and what differs is reported.

fixtures = Fixtures.of(exchanges, steps=…, ignore_rules=…)      shared, immutable
playback = Playback(fixtures, match="normalised")                one session, its own cursor
answer = playback.decide(head, body)                             Hit | Miss | GoLive
adapted(answer.exchange, head, body)                             the answer for this request
playback.report().exit_code                                      0, 2 or 125
"""

from proxy.core.replay.adapt import adapted
from proxy.core.replay.explain import miss_body, miss_text, rule_body
from proxy.core.replay.fixtures import Fixture, Fixtures
from proxy.core.replay.live import Live
from proxy.core.replay.near import Difference, NearMiss
from proxy.core.replay.playback import MATCHES, GoLive, Hit, Miss, Playback
from proxy.core.replay.report import Report, joined
from proxy.core.replay.rewrite import Rewrite

__all__ = [
    "MATCHES",
    "Difference",
    "Fixture",
    "Fixtures",
    "GoLive",
    "Hit",
    "Live",
    "Miss",
    "NearMiss",
    "Playback",
    "Report",
    "Rewrite",
    "adapted",
    "joined",
    "miss_body",
    "miss_text",
    "rule_body",
]
