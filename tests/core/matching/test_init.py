from pathlib import Path

from proxy.core.matching import MATCHERS, MatchRequest
from proxy.core.model import RequestHead
from proxy.core.replay import MATCHES

DOCS = Path(__file__).parents[3] / "docs"


def test_every_matcher_makes_a_key() -> None:
    request = MatchRequest("s", RequestHead("GET", "https", "h", 443, "/"), b"")
    for matcher in MATCHERS.values():
        assert matcher(request).id == matcher(request).id


def test_what_users_may_choose() -> None:
    assert {*MATCHERS, "sequence"} == set(MATCHES)


def test_every_choice_has_a_heading_in_the_docs() -> None:
    text = (DOCS / "matching.md").read_text()
    assert all(f"\n## {name}\n" in text for name in MATCHES)
