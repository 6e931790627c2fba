from proxy.core.model import End, Event
from proxy.exporters import _views
from tests.core.recorded import exchange
from tests.exporters.sample import snapshot


def test_values() -> None:
    assert _views.value_of(b"") is None
    assert _views.value_of(b'{"a":1}') == {"a": 1}
    assert _views.value_of("é".encode()) == "é"
    assert _views.value_of(b"\xff") == {"base64": "/w=="}
    assert _views.text_of(b"\xff") == ("/w==", True, 1)


def test_bodies_to_read() -> None:
    assert _views.pretty(b'{"a":[1]}', 99) == '{\n  "a": [\n    1\n  ]\n}'
    assert _views.pretty(b"abcdef", 4) == "abcd\n… 2 more characters"
    assert _views.pretty(b"\xff\xfe", 9) == "2 bytes that are no text"
    assert _views.pretty(b"a\x1b[31m", 9) == "6 bytes that are no text"
    assert _views.pretty(b"", 9) == ""


def test_how_a_call_ended() -> None:
    assert _views.status(exchange(status=404)) == "404"
    assert _views.status(exchange(response=None)) == "no answer"
    assert _views.status(exchange(response=None, end=End.UPSTREAM_TLS)) == "upstream tls"
    assert _views.status(exchange(end=End.UPSTREAM_RESET)) == "upstream reset after 200"


def test_what_a_call_was() -> None:
    event = Event("r1", "llm_call", "openai.chat", 1.0, data={"call": {"model": "m"}})
    assert _views.headline(exchange(), event) == "openai.chat · m"
    event.data = {"call": None}
    assert _views.headline(exchange(), event) == "openai.chat"
    assert _views.headline(exchange(), None) == "POST https://api.openai.com/v1/chat/completions"


def test_durations() -> None:
    assert [_views.duration(at) for at in (None, 0, 999_499, 1_000_000)] == [
        "?",
        "0 ms",
        "999 ms",
        "1.00 s",
    ]
    assert _views.milliseconds(None) is None
    assert _views.milliseconds(1500) == 1.5


def test_facts_of_a_run_that_is_not_over() -> None:
    run = snapshot()
    run.run.ended_at, run.outcomes = None, []
    rows = dict(_views.facts(run))
    assert rows["Took"] == "?"
    assert "Outcome" not in rows
