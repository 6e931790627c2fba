"""A run with words of its own in every place that has any."""

import json
from typing import Any

from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Frame,
    Outcome,
    Own,
    Part,
    RequestHead,
    ResponseHead,
    Run,
)
from proxy.engine.understand import event_of
from proxy.stores._api import AddEvent, AddExchange, AddOutcome, OpenRun, Write

START = 1_763_000_000.0
PLACES = (
    "system", "user", "reply", "arguments", "result", "tool-description", "tool-schema", "stream",
    "error-page", "query", "header", "trailer", "frame", "close", "upstream-error", "note",
    "metadata-of-a-header", "violation", "guard", "state", "group-data", "reason", "impact",
    "retrieved", "old-turn", "large",
)  # fmt: skip


def marker(place: str) -> str:
    """Words that stand in one place, and nowhere else."""
    return f"Marker-{place}-Quokka{sum(place.encode()):05d}"


def chat(run: str, number: int, said: list[dict[str, Any]], **answer: Any) -> Exchange:
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": marker("system")}, *said],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "look_up",
                    "description": marker("tool-description"),
                    "parameters": {
                        "type": "object",
                        "properties": {"x": {"description": marker("tool-schema")}},
                    },
                },
            }
        ],
    }
    data = json.dumps(body).encode()
    given: dict[str, Any] = {
        "response": ResponseHead(200, "OK", headers=((b"Content-Type", b"application/json"),)),
        "response_body": Body(b'{"id":"c","choices":[]}'),
    } | answer
    return Exchange(
        f"ex_{run}_{number}",
        run,
        number,
        "forward",
        START + number,
        RequestHead(
            "POST",
            "https",
            "api.openai.com",
            443,
            f"/v1/chat/completions?q={marker('query')}",
            headers=((b"X-Note", marker("header").encode()),),
        ),
        Body(data, (Part(0, len(data)),), ((b"x-t", marker("trailer").encode()),)),
        ended_us=500_000,
        own=Own(run=run, group="plan/ask", meta={"x": marker("metadata-of-a-header")}),
        notes=(marker("note"),),
        **given,
    )


def recorded(run: str) -> list[Write]:
    """A run with words in each place that has any."""
    call = {"id": "t1", "type": "function"}
    asked = call | {
        "function": {"name": "look_up", "arguments": json.dumps({"q": marker("arguments")})}
    }
    reply = {"role": "assistant", "content": marker("reply"), "tool_calls": [asked]}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    answered = {
        "id": "c1", "object": "chat.completion", "model": "gpt-4o-2024", "usage": usage,
        "choices": [{"index": 0, "message": reply, "finish_reason": "tool_calls"}],
    }  # fmt: skip
    user = {"role": "user", "content": marker("user")}
    result = {"role": "tool", "tool_call_id": "t1", "content": marker("result")}
    chunk = {"choices": [{"index": 0, "delta": {"content": marker("stream")}}]}
    large = {"role": "user", "content": (marker("large") + " ") * 22_000}
    page = b"<html>" + marker("error-page").encode()
    sse = (b"Content-Type", b"text/event-stream")
    exchanges = [
        chat(run, 1, [user], response_body=Body(json.dumps(answered).encode())),
        chat(run, 2, [user, reply, result], response=ResponseHead(200, "OK", headers=(sse,)),
             response_body=Body(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")),
        chat(run, 3, [user, reply, result, {"role": "user", "content": marker("old-turn")}],
             response=ResponseHead(502, "Bad Gateway"), response_body=Body(page)),
        chat(run, 4, [large], response=None, response_body=Body(), end=End.UPSTREAM_RESET,
             error=marker("upstream-error")),
        chat(run, 5, [], frames=(
            Frame(1, True, 1, marker("frame").encode()),
            Frame(2, False, 8, b"\x03\xe8" + marker("close").encode()),
        )),
    ]  # fmt: skip
    told = [
        Event(run, "validation", "schema look_up", START + 6, status="error", data={
            "exchange": exchanges[0].id, "validator": "schema", "subject": "look_up",
            "violations": [{"message": marker("violation")}]}),
        Event(run, "guard", "budget", START + 6, data={"reason": marker("guard")}),
        Event(run, "state", "memory", START + 6, data={"is": {"deep": marker("state")}}),
        Event(run, "retrieval", "docs", START + 6, data={"call": {"query": marker("retrieved")}}),
        Event(run, "group", "plan", START, data={"path": "plan", "goal": marker("group-data")}),
        Event(run, "group", "plan", START, data={"path": "plan", "more": 1}),
    ]  # fmt: skip
    outcome = Outcome(
        run, "Bot", "Failed", "Bad Output", marker("reason"), True, marker("impact"), START + 7
    )
    return [
        OpenRun(Run(run, "Bot", run, START, metadata={"team": "red"})),
        *(AddExchange(one, event_of(one)) for one in exchanges),
        *(AddEvent(one) for one in told),
        AddOutcome(outcome),
    ]
