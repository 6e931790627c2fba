from typing import Any

import pytest

from proxy.core.matching import IgnoreRule
from proxy.core.model import Exchange
from proxy.core.replay import Fixtures, Hit, Miss, Playback
from proxy.core.replay.suggest import Suggestion, merged, suggestions
from tests.core.recorded import exchange, step

STEP = "POST /v1/chat/completions"


def suggested(recorded: list[Exchange], *asked: Exchange) -> list[Suggestion]:
    fixtures = Fixtures.of(recorded, steps=step)
    session = Playback(fixtures)
    answers = [session.decide(one.request, one.request_body.data) for one in asked]
    return suggestions(fixtures, [one for one in answers if isinstance(one, Miss)])


def said(text: str, seq: int = 1, **more: Any) -> Exchange:
    return exchange(seq, {"messages": [{"role": "user", "content": text}], **more})


@pytest.mark.parametrize(
    ("recorded", "asked", "rule"),
    [
        (
            said("Request 12345 of today"),
            said("Request 99321 of today"),
            IgnoreRule("regex", r"Request \d+ of ", STEP),
        ),
        (
            said("build a1b2c3d4 is (new)."),
            said("build 99ffc3d4 is (new)."),
            IgnoreRule("regex", r"build [0-9a-fA-F]+ is \(", STEP),
        ),
        (
            said("a refund in fourteen days"),
            said("a refund in ninety days"),
            IgnoreRule("json", "$.messages[0].content", STEP),
        ),
        (said("a", user="x1"), said("a", user="y1"), IgnoreRule("json", "$.user", STEP)),
        (said("a", n=7), said("a", n=8), IgnoreRule("json", "$.n", STEP)),
        (
            exchange(1, method="GET", url=("https", "a.b", 443, "/s?q=1&cursor=x9")),
            exchange(1, method="GET", url=("https", "a.b", 443, "/s?q=1&cursor=y8")),
            IgnoreRule("query", "cursor", "GET /s"),
        ),
        (
            exchange(1, headers=((b"Accept-Language", b"de"),)),
            exchange(1, headers=((b"Accept-Language", b"en"),)),
            IgnoreRule("header", "accept-language", STEP),
        ),
    ],
)
def test_the_narrowest_rule_that_is_enough(
    recorded: Exchange, asked: Exchange, rule: IgnoreRule
) -> None:
    assert suggested([recorded], asked) == [Suggestion((rule,), 1, rule.step, 1, ())]
    fixtures = Fixtures.of([recorded], steps=step, ignore_rules=[rule])
    assert isinstance(Playback(fixtures).decide(asked.request, asked.request_body.data), Hit)


def test_what_a_rule_would_confuse_is_told() -> None:
    recorded = [said("Refund order 17 now", 1), said("Refund order 18 now", 2), said("Hello", 3)]
    (found,) = suggested(recorded, said("Refund order 19 now"))
    assert found.rules[0].pattern == r"Refund order \d+ now"
    assert found.confuses == ((1, 2),)


def test_several_misses_of_a_kind_are_one_suggestion() -> None:
    recorded = [said("Ticket 1 is open", 1), said("Ticket 1 is open", 2)]
    (found,) = suggested(recorded, said("Ticket 5 is open"), said("Ticket 6 is open"))
    assert found.misses == 2
    assert found.confuses == ()


@pytest.mark.parametrize(
    "asked",
    [
        exchange(1, {"messages": []}, method="PUT"),
        exchange(1, {"messages": [{"role": "user", "content": "a"}] * 2}),
        exchange(1, b"text"),
    ],
)
def test_where_no_rule_is_enough_there_is_none(asked: Exchange) -> None:
    assert suggested([said("a")], asked) == []


def test_rules_of_several_steps_of_a_host_are_the_hosts() -> None:
    steps = ("GET crm.test/a/{id}", "POST crm.test/b", "GET kb.test/c", "openai.chat")
    rules = [IgnoreRule("query", "t", step) for step in (*steps, *steps)]
    assert merged([*rules, IgnoreRule("json", "$.t", steps[0])]) == [
        IgnoreRule("query", "t", "* crm.test/*"),
        IgnoreRule("query", "t", "GET kb.test/c"),
        IgnoreRule("query", "t", "openai.chat"),
        IgnoreRule("json", "$.t", "GET crm.test/a/{id}"),
    ]
