from typing import Any

import orjson

from proxy.core.matching import IgnoreRule
from proxy.core.model import Exchange
from proxy.core.replay import Fixtures, Miss, NearMiss, Playback
from tests.core.recorded import exchange, step


def near(recorded: list[Exchange], live: Exchange, *, serve: int = 0) -> tuple[NearMiss, ...]:
    session = Playback(Fixtures.of(recorded, steps=step))
    for one in recorded[:serve]:
        session.decide(one.request, one.request_body.data)
    answer = session.decide(live.request, live.request_body.data)
    assert isinstance(answer, Miss)
    return answer.near


def told(one: NearMiss) -> list[tuple[str, str]]:
    return [(found.change.op, found.change.path) for found in one.differences]


def test_the_nearest_comes_first() -> None:
    recorded = [
        exchange(n, {"model": "m", "messages": [{"content": text}] * n})
        for n, text in enumerate(["one two", "one two three. Four five", "nothing alike"], 1)
    ]
    found = near(
        recorded, exchange(9, {"model": "m", "messages": [{"content": "one two three. Six"}] * 2})
    )
    assert next(one.fixture.seq for one in found) == 2
    assert len(found) == 3
    assert found[0].likeness > found[1].likeness


def test_at_most_three() -> None:
    assert len(near([exchange(n, {"a": n}) for n in range(1, 9)], exchange(9, {"a": 99}))) == 3


def test_nothing_recorded_is_near_nothing() -> None:
    assert near([], exchange(1)) == ()


def test_one_that_was_served_says_so_and_comes_after_its_equals() -> None:
    recorded = [exchange(1, {"a": 1}), exchange(2, {"a": 2}), exchange(3, {"a": 3})]
    found = near(recorded, exchange(9, {"a": 9}), serve=1)
    assert [(one.fixture.seq, one.served) for one in found] == [(2, False), (3, False), (1, True)]
    (again,) = near(recorded[:1], recorded[0], serve=1)
    assert (again.served, again.differences, again.likeness) == (True, (), 1.0)


RULES: list[tuple[Any, Any, list[IgnoreRule | None], bool]] = [
    (
        {"a": {"b": 1}},
        {"a": {"b": 2}},
        [IgnoreRule("json", "$.a.b", "POST /v1/chat/completions")],
        True,
    ),
    (
        {"a": 1},
        {"a": 1, "b c": 2},
        [IgnoreRule("json", "$['b c']", "POST /v1/chat/completions")],
        True,
    ),
    ({"a": 1, "b": 2}, {"a": 1}, [IgnoreRule("json", "$.b", "POST /v1/chat/completions")], True),
    (
        {"f": '{"x": 1, "y": 2}'},
        {"f": '{"x": 1, "y": 3}'},
        [IgnoreRule("json", "$.f.y", "POST /v1/chat/completions")],
        True,
    ),
    ({"a": [1, 2]}, {"a": [1, 2, 3]}, [None], False),
    ({"a": 1}, [1], [None], False),
    (b"text one", b"text two", [None], False),
    (b"text one", {"a": 1}, [None], False),
    (b"", {"a": 1}, [None], False),
]


def test_every_difference_has_the_rule_that_ignores_it() -> None:
    for recorded, live, rules, suffices in RULES:
        (found,) = near([exchange(1, recorded)], exchange(9, live))
        assert [one.rule for one in found.differences] == rules
        assert found.suffices is suffices


def test_the_rules_do_what_they_say() -> None:
    recorded = exchange(1, {"a": 1, "messages": [{"content": '{"x": 1}'}], "t": [1, 2]})
    live = exchange(9, {"a": 2, "messages": [{"content": '{"x": 2}'}], "t": [1, 3], "new": 1})
    (found,) = near([recorded], live)
    rules = [one.rule for one in found.differences if one.rule]
    assert found.suffices
    fixtures = Fixtures.of([recorded], steps=step, ignore_rules=rules)
    answer = Playback(fixtures).decide(live.request, live.request_body.data)
    assert not isinstance(answer, Miss)


def test_differences_outside_the_body() -> None:
    url = ("https", "api.example.com", 443, "/find?page=1&tag=a&tag=b")
    recorded = exchange(1, method="GET", url=url, headers=((b"Accept", b"text/csv"),))
    other = ("https", "api.example.com", 443, "/find?page=2&tag=a&more=1")
    (found,) = near([recorded], exchange(9, method="GET", url=other, headers=()))
    assert told(found) == [
        ("added", "query.more"),
        ("changed", "query.page"),
        ("changed", "query.tag"),
        ("removed", "header.accept"),
    ]
    targets = [(one.rule.target, one.rule.pattern) for one in found.differences if one.rule]
    assert targets == [("query", "more"), ("query", "page"), ("query", "tag"), ("header", "accept")]
    assert found.suffices


def test_forms_by_field() -> None:
    form = ((b"content-type", b"application/x-www-form-urlencoded"),)
    (found,) = near([exchange(1, b"a=1&b=2", headers=form)], exchange(9, b"a=1&b=3", headers=form))
    assert told(found) == [("changed", "form.b")]
    assert found.suffices


def test_another_place_is_searched_when_there_is_none_of_the_same() -> None:
    lookup = ("https", "api.openai.com", 443, "/v1/embeddings")
    elsewhere = ("https", "api.example.com", 443, "/v1/embeddings")
    live = exchange(9, {"a": 1}, url=lookup)
    (by_step,) = near([exchange(1, {"a": 1}), exchange(2, {"a": 1}, url=elsewhere)], live)
    assert by_step.fixture.seq == 2
    assert told(by_step) == [("changed", "host")]
    (by_host,) = near(
        [exchange(1, {"a": 1}), exchange(2, {"a": 1}, url=(*elsewhere[:3], "/x"))], live
    )
    assert by_host.fixture.seq == 1
    (any_at_all,) = near([exchange(2, {"a": 1}, url=(*elsewhere[:3], "/x"))], live)
    assert told(any_at_all) == [("changed", "host"), ("changed", "path")]
    assert not any_at_all.suffices


def test_a_value_from_an_answer_has_no_difference_to_show_but_a_reason() -> None:
    ids = ["550e8400-e29b-41d4-a716-446655440000", "650e8400-e29b-41d4-a716-446655440000"]
    recorded = [exchange(1, {"q": 1}, {"ids": ids}), exchange(2, {"v": ids[0]})]
    session = Playback(Fixtures.of(recorded, steps=step))
    answer = session.decide(recorded[1].request, orjson.dumps({"v": ids[1]}))
    assert isinstance(answer, Miss)
    assert answer.near[0].fixture.seq == 2
    assert "came from a recorded answer" in answer.reason


def test_the_nearest_of_very_many_of_one_size_is_found() -> None:
    filler = [{"content": f"the same in all of them, {n}"} for n in range(20)]
    recorded = [exchange(n, {"messages": filler, "q": f"question {n:04}"}) for n in range(1, 600)]
    live = exchange(
        9,
        {
            "messages": [{"content": "the sane in all of them, 0"}, *filler[1:]],
            "q": "question 0417",
        },
    )
    found = near(recorded, live)
    assert found[0].fixture.seq == 417
    assert [change for _, change in told(found[0])] == ["$.messages[0].content"]
