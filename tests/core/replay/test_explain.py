import copy
import random
from typing import Any

import orjson
import pytest

from proxy.core.replay import Fixtures, Miss, Playback, miss_body, miss_text
from tests.core.recorded import exchange, step

WORDS = [
    "the",
    "agent",
    "looked",
    "at",
    "order",
    "line",
    "and",
    "found",
    "that",
    "price",
    "was",
    "right",
    "but",
    "tax",
    "had",
    "to",
    "be",
    "paid",
]
URL = "https://api.openai.com/v1/chat/completions"
OLD = "The customer may have a refund within fourteen days."
NEW = "The customer may have a voucher within ninety days."


def long_chat() -> dict[str, Any]:
    """60 messages, 200 KB."""
    source = random.Random(7)  # noqa: S311 - sample data
    messages = []
    for n in range(60):
        sentences = [" ".join(source.choices(WORDS, k=12)).capitalize() + "." for _ in range(60)]
        if n == 37:
            sentences[30] = OLD
        messages.append({"role": "user" if n % 2 else "assistant", "content": " ".join(sentences)})
    return {"model": "gpt-5", "messages": messages}


def missed(recorded: Any, live: Any, *more: Any) -> Miss:
    calls = [exchange(n, body) for n, body in enumerate((recorded, *more), 1)]
    answer = Playback(Fixtures.of(calls, steps=step)).decide(calls[0].request, orjson.dumps(live))
    assert isinstance(answer, Miss)
    return answer


@pytest.mark.parametrize("width", [72, 100, 200])
def test_a_changed_sentence_in_200_kb_is_seen_within_15_lines(width: int) -> None:
    chat = long_chat()
    assert len(orjson.dumps(chat)) > 200_000
    changed = copy.deepcopy(chat)
    changed["messages"][37]["content"] = chat["messages"][37]["content"].replace(OLD, NEW)
    earlier = [dict(chat, messages=chat["messages"][:n]) for n in (10, 30, 50, 59)]
    text = miss_text(missed(chat, changed, *earlier), width)
    lines = text.splitlines()
    assert len(lines) <= 15
    assert all(len(line) <= width for line in lines)
    assert "messages[37].content" in text
    assert "refund within fourteen" in text
    assert "voucher within ninety" in text
    assert "ignore json $.messages[37].content" in text
    assert "call 1 of r1 (1 difference)" in text


def test_the_longest_text_has_15_lines() -> None:
    recorded = {name: name * 300 for name in "abcdefgh"}
    live = {name: name.upper() * 300 for name in "abcdefgh"}
    text = miss_text(missed(recorded, live, recorded, recorded, recorded), 100)
    assert len(text.splitlines()) <= 15
    assert "and 5 more" in text


def test_the_whole_text() -> None:
    text = miss_text(
        missed({"city": "Bern", "n": 1}, {"city": "Bonn", "n": 1}, {"city": "x", "n": 2})
    )
    assert text.splitlines() == [
        f"no recorded call for POST {URL} (POST /v1/chat/completions)",
        "nearest: call 1 of r1 (1 difference)",
        "  city",
        '    - "Bern"',
        '    + "Bonn"',
        "it would match with: ignore json $.city",
        "also near: call 2 of r1 (2 differences)",
    ]


def test_nothing_near() -> None:
    answer = Playback(Fixtures.of([], steps=step)).decide(exchange().request, b"")
    assert isinstance(answer, Miss)
    assert len(miss_text(answer).splitlines()) == 1
    assert miss_body(answer)["nearest"] == []


def test_as_json() -> None:
    found = miss_body(missed({"city": "Bern"}, {"city": "Bonn"}))
    assert orjson.loads(orjson.dumps(found)) == {
        "step": "POST /v1/chat/completions",
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions",
        "reason": "no recorded call matches",
        "nearest": [
            {
                "runId": "r1",
                "seq": 1,
                "step": "POST /v1/chat/completions",
                "method": "POST",
                "url": "https://api.openai.com/v1/chat/completions",
                "served": False,
                "likeness": 0.75,
                "differences": [
                    {
                        "path": "$.city",
                        "op": "changed",
                        "recorded": '"Bern"',
                        "live": '"Bonn"',
                        "ignore": {
                            "target": "json",
                            "pattern": "$.city",
                            "step": "POST /v1/chat/completions",
                        },
                    }
                ],
                "moreDifferences": 0,
                "rulesSuffice": True,
            }
        ],
    }


def test_json_is_bounded() -> None:
    found = miss_body(missed({str(n): n for n in range(99)}, {str(n): -n - 1 for n in range(99)}))
    (nearest,) = found["nearest"]
    assert len(nearest["differences"]) == 50
    assert nearest["moreDifferences"] == 49


def test_one_that_was_used_already() -> None:
    recorded = exchange(1, {"a": 1})
    session = Playback(Fixtures.of([recorded], steps=step))
    session.decide(recorded.request, recorded.request_body.data)
    answer = session.decide(recorded.request, recorded.request_body.data)
    assert isinstance(answer, Miss)
    text = miss_text(answer)
    assert "every recorded call like this one has been served" in text
    assert "call 1 of r1 (no difference, already served)" in text
