"""Telemetry, which goes as it likes, and servers that were never reached."""

from typing import Any

import pytest

from proxy.core.model import End, Exchange
from proxy.core.replay import GoLive, Live
from tests.core.recorded import exchange
from tests.core.replay.played import ask, chat, hit, miss, playback

A, B, C = (f"{n}50e8400-e29b-41d4-a716-44665544000{n}" for n in range(3))

TRACES = ("https", "api.openai.com", 443, "/v1/traces/ingest")


def test_telemetry_is_answered_however_it_is_batched() -> None:
    recorded = [
        exchange(1, {"data": ["a"]}, {"n": 1}, url=TRACES),
        chat(2, "hi"),
        exchange(3, {"data": ["b", "c"]}, {"n": 2}, url=TRACES),
    ]
    session = playback(recorded)
    batch = recorded[0]
    assert hit(ask(session, batch, {"data": ["b", "c"]})) == 3, "the same one, where there is one"
    assert hit(ask(session, batch, {"data": ["x"]})) == 1
    assert hit(ask(session, batch, {"data": ["y"]})) == 3, "one more than were recorded"
    assert hit(ask(session, chat(2, "hi"))) == 2
    report = session.report()
    assert (report.exit_code, report.counts["served"], report.counts["missed"]) == (0, 4, 0)


def test_telemetry_that_was_not_sent_this_time_is_not_unused() -> None:
    session = playback([chat(1, "hi"), exchange(2, {"data": ["a"]}, {}, url=TRACES)])
    assert hit(ask(session, chat(1, "hi"))) == 1
    assert session.spent
    assert session.report().exit_code == 0


def test_telemetry_that_was_never_recorded_is_a_miss() -> None:
    session = playback([chat(1, "hi")])
    assert "no recorded call" in miss(ask(session, exchange(9, {"data": []}, url=TRACES))).reason
    assert session.report().exit_code == 2


def test_telemetry_goes_live_after_a_fork() -> None:
    recorded = [exchange(1, {"data": ["a"]}, {}, url=TRACES), chat(2, "hi"), chat(3, "then")]
    session = playback(recorded, live=Live(everything=True), at=3)
    assert hit(ask(session, recorded[1])) == 2
    assert hit(ask(session, recorded[0], {"data": ["x"]})) == 1
    assert isinstance(ask(session, recorded[0], {"data": ["y"]}), GoLive)


DEAD = ("https", "dead.example.com", 443, "/v2/flags")


def gone(seq: int, url: tuple[str, str, int, str] = DEAD, **more: Any) -> Exchange:
    """A call to a server that could not be reached; the client had not said what it wanted."""
    values = {"response": None, "end": End.UPSTREAM_REFUSED, "request_end_us": None}
    return exchange(seq, url=url, **values | more)


def tunnel(seq: int, host: str = "dead.example.com") -> Exchange:
    return gone(seq, ("tcp", host, 443, ""), method="CONNECT", headers=(), request_end_us=5)


def test_a_server_that_was_not_reached_is_not_reached_whatever_is_asked() -> None:
    session = playback([gone(1), tunnel(2), tunnel(3)])
    assert hit(ask(session, gone(9), {"device": "a"})) == 1
    other = exchange(9, {"a": 1}, url=(*DEAD[:3], "/other"))
    assert [hit(ask(session, other)) for _ in range(3)] == [2, 2, 2]
    assert session.spent, "how often it was tried does not count"
    miss(ask(session, exchange(9, {"a": 1}, url=("https", "else.example.com", 443, "/v2/flags"))))


@pytest.mark.parametrize(
    "recorded",
    [
        [gone(1, request_end_us=5)],  # what was asked is known: nothing
        [gone(1, end=End.UPSTREAM_RESET)],  # somebody was there
        [tunnel(1), exchange(2, {"b": 1}, url=DEAD)],  # and answered something else
        [tunnel(1, "else.example.com")],
    ],
)
def test_a_server_that_was_reached_answers_what_was_asked(recorded: list[Exchange]) -> None:
    miss(ask(playback(recorded), exchange(9, {"a": 1}, url=DEAD)))


def test_a_server_that_nobody_tried_to_reach_is_unused() -> None:
    session = playback([tunnel(1), chat(2, "a")])
    ask(session, chat(9, "a"))
    assert [call["seq"] for call in session.report().unused] == [1]


def test_a_client_that_did_not_take_the_certificate_has_asked_for_nothing() -> None:
    refused = exchange(
        1, url=DEAD, method="CONNECT", response=None, end=End.CLIENT_TLS, request_end_us=5
    )
    session = playback([refused, chat(2, "a"), chat(3, "b")], live=Live(everything=True), at=3)
    assert hit(ask(session, chat(9, "a"))) == 2
    assert isinstance(ask(session, chat(9, "else")), GoLive), "the recorded beginning is over"
    assert session.report().exit_code == 0
