import gzip
from dataclasses import replace

import pytest

from proxy.core.matching import IgnoreRule
from proxy.core.model import Body, RequestHead
from proxy.core.replay import Fixtures, Hit, Playback
from proxy.errors import ConfigError
from tests.core.recorded import JSON, exchange, step


def test_bodies_need_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.core.replay.fixtures._AT_HAND", 0)
    recorded = [exchange(n, {"n": n, "day": "2026-11-22"}, {"answer": n}) for n in range(1, 6)]
    whole = {one.id: one for one in recorded}
    loaded: list[str] = []

    def load(exchange_id: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - an Exchange
        loaded.append(exchange_id)
        return whole[exchange_id]

    fixtures = Fixtures.of(iter(recorded), steps=step, load=load)
    assert all(
        one._exchange.request_body == one._exchange.response_body == Body() for one in fixtures.all
    )
    assert loaded == []
    session = Playback(fixtures)
    answer = session.decide(recorded[2].request, recorded[2].request_body.data)
    assert isinstance(answer, Hit)
    assert answer.exchange is recorded[2]
    assert loaded == ["r1-3"]
    answer = session.decide(recorded[3].request, b'{"day":"2027-01-01","n":4}')
    assert isinstance(answer, Hit)
    assert answer.exchange is recorded[3]


def test_the_first_bodies_are_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = [exchange(n, {"n": n}, {"answer": n}) for n in range(1, 4)]
    whole = {one.id: one for one in recorded}
    size = sum(len(one.request_body.data) + len(one.response_body.data) for one in recorded[:2])
    monkeypatch.setattr("proxy.core.replay.fixtures._AT_HAND", size)
    loaded: list[str] = []

    def load(exchange_id: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - an Exchange
        loaded.append(exchange_id)
        return whole[exchange_id]

    fixtures = Fixtures.of(iter(recorded), steps=step, load=load)
    assert [one.load().response_body for one in fixtures.all] == [
        one.response_body for one in recorded
    ]
    assert loaded == ["r1-3"]
    assert not fixtures.at_hand
    assert Fixtures.of(iter(recorded[:2]), steps=step, load=load).at_hand


def test_bodies_are_not_held_twice() -> None:
    recorded = exchange(1, b"x" * 1000)
    fixture = Fixtures.of([recorded], steps=step).all[0]
    assert fixture.load().request_body.data is recorded.request_body.data
    assert fixture.request().body is recorded.request_body.data


def test_encoded_bodies_are_compared_decoded() -> None:
    plain = exchange(1, {"a": 1, "b": 2})
    encoded = (*JSON, (b"content-encoding", b"gzip"))
    packed = replace(
        plain,
        request=replace(plain.request, headers=encoded),
        request_body=Body(gzip.compress(plain.request_body.data, mtime=5)),
    )
    session = Playback(Fixtures.of([packed], steps=step))
    again = gzip.compress(b'{"b":2,"a":1}', mtime=6)
    answer = session.decide(packed.request, again)
    assert isinstance(answer, Hit)
    assert answer.how == "normalised"


def test_a_body_that_is_not_encoded_as_it_says_is_taken_as_it_is() -> None:
    lying = (*JSON, (b"content-encoding", b"gzip"))
    recorded = exchange(1, {"a": 1}, headers=lying)
    session = Playback(Fixtures.of([recorded], steps=step))
    assert isinstance(session.decide(recorded.request, b'{"a":1}'), Hit)


def test_live_requests_are_redacted_like_the_recording() -> None:
    recorded = exchange(1, {"key": "<redacted:1>"})

    def redact(head: RequestHead, body: bytes) -> tuple[RequestHead, bytes]:
        return head, body.replace(b"sk-live-1", b"<redacted:1>")

    fixtures = Fixtures.of([recorded], steps=step, redact=redact)
    answer = Playback(fixtures).decide(recorded.request, b'{"key":"sk-live-1"}')
    assert isinstance(answer, Hit)
    assert not isinstance(Playback(fixtures).decide(recorded.request, b'{"key":"sk-live-2"}'), Hit)


def test_fixtures_are_numbered_within_their_step() -> None:
    search = ("https", "api.example.com", 443, "/search")
    recorded = [exchange(1, 1), exchange(2, 2, url=search), exchange(3, 3)]
    fixtures = Fixtures.of(recorded, steps=step)
    assert len(fixtures) == 3
    assert fixtures.by_step == {"POST /v1/chat/completions": [0, 2], "POST /search": [1]}
    assert fixtures.of_step("nothing") == ()


def test_ignore_rules_hold_on_both_sides_and_for_their_steps() -> None:
    recorded = exchange(1, {"a": 1, "nonce": 1})
    for pattern, served in (("POST /v1/*", True), ("GET *", False)):
        rule = IgnoreRule("json", "$.nonce", pattern)
        fixtures = Fixtures.of([recorded], steps=step, ignore_rules=[rule])
        answer = Playback(fixtures).decide(recorded.request, b'{"a":1,"nonce":2}')
        assert isinstance(answer, Hit) is served


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (IgnoreRule("xpath", "/a"), "unknown target of an ignore rule: 'xpath'"),
        (IgnoreRule("json", "a.b"), "not a JSON path: 'a.b'"),
        (IgnoreRule("json", "$.a["), "not a JSON path: '$.a['"),
        (IgnoreRule("regex", "("), "not a regular expression: '('"),
        (IgnoreRule("regex", "x" * 3000), "ignore rule longer than 2000 characters"),
    ],
)
def test_rules_that_cannot_be_used_are_refused(rule: IgnoreRule, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Fixtures.of([], steps=step, ignore_rules=[rule])
    assert caught.value.message == message


def test_only_the_place_that_is_asked_for_is_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.core.matching import normalised

    made: list[str] = []
    real = normalised.key

    def counting(request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as the real one
        made.append(request.head.path)
        return real(request)

    monkeypatch.setattr(normalised, "key", counting)
    search = ("https", "api.example.com", 443, "/search")
    recorded = [exchange(1, {"a": 1}), exchange(2, {"a": 2}, url=search)]
    session = Playback(Fixtures.of(recorded, steps=step))
    assert isinstance(session.decide(recorded[0].request, b'{"a":1}'), Hit)
    assert made == []
    session.decide(recorded[1].request, b'{ "a":2}')
    session.decide(recorded[1].request, b'{ "a":3}')
    assert set(made) == {"/search"}


def test_only_requests_of_one_shape_are_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    from proxy.core.matching import normalised

    made: list[int] = []
    real = normalised.key

    def counting(request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as the real one
        made.append(len(request.body))
        return real(request)

    monkeypatch.setattr(normalised, "key", counting)
    recorded = [exchange(n, {"q": "now 2026-11-22", "m": [{"n": n}] * n}) for n in range(9)]
    for load in (None, {one.id: one for one in recorded}.__getitem__):
        made.clear()
        session = Playback(Fixtures.of(recorded, steps=step, load=load))
        answer = session.decide(
            recorded[0].request, b'{"m": [{"n":3},{"n":3}, {"n":3}], "q": "now 2027-01-01"}'
        )
        assert isinstance(answer, Hit)
        assert answer.fixture.seq == 3
        assert len(made) == 2  # the live one, and the only one with as many braces
