import json
from dataclasses import replace
from typing import Any

import pytest

from proxy.core import llm_judge
from proxy.core.calls import Call, Message, ToolUse
from proxy.core.llm_judge import Answered, Ask
from proxy.core.model import Event, Outcome, Run
from proxy.errors import ConfigError, FormatError

RUN = Run("r1", "Support", "r1", 1.0, 2.0, "Completed")
ASK = Ask("openai/gpt-5-mini", "Does it name the refund policy?")
ANSWERED = Answered(7, "x1", "Refunds take 14 days,\nsays our policy.", "Refund?")
GOOD = {"passed": True, "reason": "It does.", "quote": "says our policy"}


@pytest.mark.parametrize(
    ("setting", "model", "asks", "found"),
    [
        ({"model": "a/b", "asks": "c"}, None, None, Ask("a/b", "c")),
        ({"model": "a/b", "asks": "c"}, "d/e/f", None, Ask("d/e/f", "c")),
        ({"model": "a/b", "asks": "c"}, None, "g", Ask("a/b", "g")),
        ({}, "a/b", "c", Ask("a/b", "c")),
        ({}, "a/b", None, None),
        ({}, None, "c", None),
        ({}, "b", "c", None),
        ({}, "a/", "c", None),
    ],
)
def test_who_is_asked_what(
    setting: dict[str, str], model: str | None, asks: str | None, found: Ask | None
) -> None:
    if found is None:
        with pytest.raises(ConfigError):
            llm_judge.asked(setting, model, asks)
        return
    assert llm_judge.asked(setting, model, asks) == found


@pytest.mark.parametrize(
    ("model", "base", "path", "variable"),
    [
        ("openai/m", "", "/v1/chat/completions", "OPENAI_API_KEY"),
        ("openai/m", "/v1", "/chat/completions", "OPENAI_API_KEY"),
        ("openrouter/openai/m", "", "/api/v1/chat/completions", "OPENROUTER_API_KEY"),
        ("my-vllm/m", "/x", "/v1/chat/completions", "MY_VLLM_API_KEY"),
        ("anthropic/m", "", "/v1/messages", "ANTHROPIC_API_KEY"),
        ("anthropic/m", "/v1", "/messages", "ANTHROPIC_API_KEY"),
    ],
)
def test_where_it_is_asked(model: str, base: str, path: str, variable: str) -> None:
    ask = Ask(model, "?")
    assert (llm_judge.path(ask, base), ask.key_variable) == (path, variable)


def test_a_place_of_ones_own_has_the_usual_paths() -> None:
    assert llm_judge.path(Ask("groq/m", "?"), "/v1", elsewhere=True) == "/chat/completions"


def test_the_request_to_openai() -> None:
    body = json.loads(llm_judge.body(ASK, ANSWERED))
    assert body["model"] == "gpt-5-mini"
    assert "temperature" not in body  # models that reason refuse one
    assert body["response_format"]["json_schema"]["schema"] == llm_judge.SCHEMA
    assert json.loads(body["messages"][1]["content"]) == {
        "asks": ASK.asks,
        "user": "Refund?",
        "answer": ANSWERED.answer,
    }
    cool = json.loads(llm_judge.body(Ask("openai/gpt-4.1", "?"), ANSWERED))
    assert (cool["temperature"], cool["seed"]) == (0, 1)
    assert llm_judge.headers(ASK, "k")["Authorization"] == "Bearer k"
    assert "Authorization" not in llm_judge.headers(ASK, None)


def test_the_request_to_anthropic() -> None:
    ask = Ask("anthropic/claude-3-5-haiku-latest", "?")
    body = json.loads(llm_judge.body(ask, ANSWERED))
    assert body["tool_choice"] == {"type": "tool", "name": "verdict"}
    assert body["tools"][0]["input_schema"] == llm_judge.SCHEMA
    assert body["temperature"] == 0
    assert body["max_tokens"] > 0
    assert llm_judge.headers(ask, "k")["x-api-key"] == "k"


def test_only_the_same_request_is_the_same() -> None:
    sent = llm_judge.body(ASK, ANSWERED)
    assert llm_judge.body(ASK, ANSWERED) == sent
    others = [
        llm_judge.digest("https://b", sent),
        llm_judge.digest("https://a", llm_judge.body(ASK._replace(asks="?"), ANSWERED)),
        llm_judge.digest("https://a", llm_judge.body(ASK._replace(model="a/b"), ANSWERED)),
        llm_judge.digest("https://a", llm_judge.body(ASK, ANSWERED._replace(answer="No"))),
    ]
    assert llm_judge.digest("https://a", sent) not in others


def said(value: Any, *, tool: bool) -> Call:
    text = value if isinstance(value, str) else json.dumps(value)
    uses = (ToolUse("u1", "verdict", value),) if tool else ()
    reply = Message("assistant", "" if tool else text, uses)
    return Call("llm_call", "openai.chat", "openai.chat", reply=reply)


@pytest.mark.parametrize("tool", [False, True])
@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        (GOOD, True),
        (GOOD | {"quote": "14 days, SAYS  our"}, True),
        (GOOD | {"quote": "30 days"}, False),
        (GOOD | {"quote": " "}, None),
        (GOOD | {"passed": False}, True),
    ],
)
def test_a_verdict(value: dict[str, Any], quoted: bool | None, tool: bool) -> None:
    found = llm_judge.verdict(said(value, tool=tool), ANSWERED.answer)
    assert found == (*value.values(), quoted)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Yes!", "no JSON"),
        ("", "no JSON"),
        ("[]", "no object"),
        ({"passed": True}, "no object"),
        (GOOD | {"score": 1}, "no object"),
        (GOOD | {"passed": "yes"}, "neither true nor false"),
        (GOOD | {"passed": 1}, "neither true nor false"),
        (GOOD | {"reason": None}, "not both texts"),
        (GOOD | {"quote": 3}, "not both texts"),
    ],
)
def test_no_verdict(value: Any, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        llm_judge.verdict(said(value, tool=False), "")


def test_no_reply_is_no_verdict() -> None:
    with pytest.raises(FormatError, match="nothing"):
        llm_judge.verdict(replace(said("", tool=False), reply=None), "")


def event(asks: str, *, passed: bool, exchange: str = "x1") -> Event:
    verdict = llm_judge.Verdict(passed, "So.", "", None)
    answered = ANSWERED._replace(exchange_id=exchange)
    made = llm_judge.event(RUN, Ask("a/b", asks), answered, verdict, by="r2", at=3.0)
    made.id = 9
    return made


def test_the_newest_verdict_on_each_question_counts() -> None:
    other = Event("r1", "validation", "x", 1.0, data={"validator": "schema", "exchange": "x1"})
    events = [
        event("A?", passed=False),
        other,
        event("B?", passed=False),
        event("A?", passed=True),
        event("C?", passed=False, exchange="earlier"),
    ]
    assert llm_judge.verdicts(events, "x1") == [events[3], events[2]]


@pytest.mark.parametrize(
    ("status", "source", "passed", "becomes"),
    [
        ("Completed", "rules", [True], None),
        ("Completed", "rules", [False], "Failed"),
        ("Completed", "rules", [True, False], "Failed"),
        ("Completed", "judge", [False], "Failed"),
        ("Completed", "caller", [False], None),
        ("Failed", "rules", [False], None),
        ("Failed", "rules", [True], None),
        ("Failed", "caller", [True], None),
        ("Failed", "judge", [False], None),
        ("Failed", "judge", [True, False], None),
        ("Failed", "judge", [True], "Completed"),
    ],
)
def test_what_a_verdict_makes_of_the_outcome(
    status: str, source: str, passed: list[bool], becomes: str | None
) -> None:
    mode = "Tool Error" if status == "Failed" else None
    current = Outcome("r1", "Support", status, mode, None, None, None, 1.0, source)
    found = [event(f"{n}?", passed=one) for n, one in enumerate(passed)]
    made = llm_judge.outcome(RUN, current, found, ANSWERED, 4.0)
    assert (made.status if made else None) == becomes
    if made:
        assert made.source == "judge"
        assert made.failure_mode == ("Bad Output" if becomes == "Failed" else None)
        assert made.evidence == ((9, 7) if becomes == "Failed" else (7,))


def test_what_the_user_said_last() -> None:
    messages = (Message("user", "One"), Message("assistant", "Two"), Message("user", " "))
    call = Call("llm_call", "s", "p", messages=messages)
    assert llm_judge.user_text(call) == "One"
    assert llm_judge.user_text(replace(call, messages=messages[1:])) is None
