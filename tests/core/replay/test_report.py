import orjson

from proxy.core.model import RequestHead
from proxy.core.replay import Fixtures, Live, Playback, joined
from tests.core.recorded import exchange, step

ONE, TWO = exchange(1, {"a": 1}), exchange(2, {"a": 2})


def session(match: str = "normalised") -> Playback:
    return Playback(Fixtures.of([ONE, TWO], steps=step), match)


def serve(playback: Playback, *bodies: bytes) -> None:
    for body in bodies:
        playback.decide(ONE.request, body)


def test_clean() -> None:
    playback = session()
    serve(playback, b'{"a":1}', b'{"a":2}')
    report = playback.report()
    assert report.exit_code == 0
    assert report.counts == {
        "served": 2,
        "missed": 0,
        "unused": 0,
        "diverged": 0,
        "refused": 0,
        "passedThrough": 0,
    }


def test_nothing_asked_is_no_verdict() -> None:
    report = session().report()
    assert report.exit_code == 125
    assert report.counts["unused"] == 2


def test_unused_calls_are_listed() -> None:
    playback = session()
    serve(playback, b'{"a":2}')
    report = playback.report()
    assert report.exit_code == 2
    assert report.unused == [
        {
            "runId": "r1",
            "seq": 1,
            "step": "POST /v1/chat/completions",
            "method": "POST",
            "url": "https://api.openai.com/v1/chat/completions",
        }
    ]


def test_misses_are_listed_with_the_nearest() -> None:
    playback = session()
    serve(playback, b'{"a":1}', b'{"a":2}', b'{"a":3}')
    report = playback.report()
    assert report.exit_code == 2
    (missed,) = report.missed
    assert missed["url"] == "https://api.openai.com/v1/chat/completions"
    assert missed["nearest"]["seq"] in (1, 2)


def test_differences_in_sequence_are_listed() -> None:
    playback = session("sequence")
    serve(playback, b'{"a":1}', b'{"a":3}')
    report = playback.report()
    assert report.exit_code == 2
    (diverged,) = report.diverged
    assert diverged["seq"] == 2
    assert diverged["differences"] == [
        {"path": "$.body.json.a", "op": "changed", "recorded": "2", "live": "3"}
    ]


def test_hosts_that_were_refused_and_those_let_through() -> None:
    fixtures = Fixtures.of([ONE, TWO], steps=step)
    playback = Playback(fixtures, live=Live(hosts=("live.*",)))
    serve(playback, b'{"a":1}', b'{"a":2}')
    playback.decide(RequestHead("GET", "https", "live.example.com", 443, "/"), b"")
    assert playback.report().exit_code == 0
    for path in ("a", "b"):
        playback.refuse("b.example.com", f"https://b.example.com/{path}")
    playback.refuse("a.example.com", "https://a.example.com/")
    report = playback.report()
    assert report.exit_code == 2
    assert report.hosts_refused == {"a.example.com": 1, "b.example.com": 2}
    data = orjson.loads(orjson.dumps(report.as_json()))
    assert data["counts"]["refused"] == 3
    assert data["hostsRefused"] == {"a.example.com": 1, "b.example.com": 2}
    assert data["passedThrough"] == [
        {
            "step": "GET /",
            "method": "GET",
            "host": "live.example.com",
            "url": "https://live.example.com/",
        }
    ]
    assert data["exitCode"] == 2


def test_several_sessions_as_one() -> None:
    one, other = session(), session()
    serve(one, b'{"a":1}')
    serve(other, b'{"a":2}', b'{"a":3}')
    whole = joined([one.report(), other.report()])
    assert whole.counts["served"] == 2
    assert whole.counts["missed"] == 1
    assert whole.unused == []  # between them they asked for everything
    assert [call["seq"] for call in joined([one.report()]).unused] == [2]
    assert joined([]).exit_code == 125


def test_only_refusals_are_a_verdict() -> None:
    playback = Playback(Fixtures.of([], steps=step))
    playback.refuse("a.example.com", "https://a.example.com/")
    assert playback.report().exit_code == 2
