"""Seeded mutations in every wire format: what changes by itself matches, another fact does not.

The recording of each format is full of neighbours. As in `test_mutations`, which has more ways to
change a request.
"""

import random
import uuid
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import orjson
import pytest

from proxy.core.model import Headers, RequestHead
from proxy.core.replay import Fixtures, Hit, Playback
from tests.core.recorded import exchange, step
from tests.core.replay.test_mutations import FACTS, RECORDED, Facts, hexes

HOST: Final = ("https", "api.example.com", 443)
JSON: Final = b"application/json"


class Drawn(NamedTuple):
    """What another run draws anew."""

    day: str
    session: str
    folder: str
    calls: tuple[str, ...]
    number: int

    @property
    def system(self) -> str:
        return (
            f"You help customers. Today is {self.day}. Session {self.session}. "
            f"Notes are in {self.folder}/notes.md"
        )


def draw(rng: random.Random) -> Drawn:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
    return Drawn(
        f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        f"/tmp/agent-{''.join(rng.choices(letters, k=8))}",
        tuple(hexes(rng, 24) for _ in range(8)),
        rng.randint(1, 10**6),
    )


class Request(NamedTuple):
    """A request to `api.example.com`."""

    target: str
    body: bytes = b""
    content_type: bytes = JSON
    method: str = "POST"

    @property
    def head(self) -> RequestHead:
        headers: Headers = ((b"Content-Type", self.content_type),)
        return RequestHead(self.method, *HOST, self.target, headers=headers)


def wants(facts: Facts) -> str:
    return f"{facts.customer} wants {facts.amount} EUR back."


def arguments(facts: Facts, turn: int) -> dict[str, Any]:
    return {"customer": facts.customer, "turn": turn}


def responses(facts: Facts, drawn: Drawn) -> Request:
    items: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": wants(facts)}]}]
    for turn in range(facts.turns):
        call = f"call_{drawn.calls[turn]}"
        told = orjson.dumps(arguments(facts, turn)).decode()
        items += [
            {"type": "function_call", "call_id": call, "name": facts.tool, "arguments": told},
            {"type": "function_call_output", "call_id": call, "output": f"refused {turn}"},
        ]
    body = {"model": facts.model, "instructions": drawn.system, "input": items}
    return Request("/v1/responses", orjson.dumps(body))


def anthropic(facts: Facts, drawn: Drawn) -> Request:
    messages: list[Any] = [{"role": "user", "content": wants(facts)}]
    for turn in range(facts.turns):
        call = f"toolu_{drawn.calls[turn]}"
        use = {"type": "tool_use", "id": call, "name": facts.tool, "input": arguments(facts, turn)}
        result = {"type": "tool_result", "tool_use_id": call, "content": f"refused {turn}"}
        messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    billing = f"x-anthropic-billing-header: cc_version=2.1.{drawn.number}; cch={drawn.calls[7]};"
    system = [{"type": "text", "text": billing}, {"type": "text", "text": drawn.system}]
    body = {"model": facts.model, "max_tokens": 99, "system": system, "messages": messages}
    return Request("/v1/messages", orjson.dumps(body))


def gemini(facts: Facts, drawn: Drawn) -> Request:
    contents: list[Any] = [{"role": "user", "parts": [{"text": wants(facts)}]}]
    for turn in range(facts.turns):
        asked = {"name": facts.tool, "args": arguments(facts, turn)}
        got = {"name": facts.tool, "response": {"said": f"refused {turn}"}}
        contents += [
            {"role": "model", "parts": [{"functionCall": asked}]},
            {"role": "user", "parts": [{"functionResponse": got}]},
        ]
    body = {"systemInstruction": {"parts": [{"text": drawn.system}]}, "contents": contents}
    return Request(f"/v1beta/models/{facts.model}:generateContent", orjson.dumps(body))


def bedrock(facts: Facts, drawn: Drawn) -> Request:
    messages: list[Any] = [{"role": "user", "content": [{"text": wants(facts)}]}]
    for turn in range(facts.turns):
        call = f"tooluse_{drawn.calls[turn]}"
        use = {"toolUseId": call, "name": facts.tool, "input": arguments(facts, turn)}
        result = {"toolUseId": call, "content": [{"text": f"refused {turn}"}]}
        messages += [
            {"role": "assistant", "content": [{"toolUse": use}]},
            {"role": "user", "content": [{"toolResult": result}]},
        ]
    body = {"system": [{"text": drawn.system}], "messages": messages}
    return Request(f"/model/{facts.model}/converse", orjson.dumps(body))


def mcp(facts: Facts, drawn: Drawn) -> Request:
    told = {**facts._asdict(), "sent_at": f"{drawn.day}T10:00:00Z", "notes": drawn.folder}
    params = {"name": facts.tool, "arguments": told, "_meta": {"progressToken": drawn.number}}
    called = {"jsonrpc": "2.0", "id": drawn.number, "method": "tools/call", "params": params}
    return Request("/mcp", orjson.dumps(called))


def tool(facts: Facts, drawn: Drawn) -> Request:
    told = {"by": facts._asdict(), "request_id": drawn.calls[0], "timestamp": 1.7e9 + drawn.number}
    return Request("/refunds", orjson.dumps(told))


def query(facts: Facts, drawn: Drawn) -> Request:
    told = {**facts._asdict(), "_": 1_700_000_000 + drawn.number, "trace_id": drawn.session}
    return Request(f"/search?{urlencode(told)}", method="GET")


def form(facts: Facts, drawn: Drawn) -> Request:
    told = {**facts._asdict(), "nonce": drawn.calls[0], "said": drawn.system}
    return Request("/refunds", urlencode(told).encode(), b"application/x-www-form-urlencoded")


def multipart(facts: Facts, drawn: Drawn) -> Request:
    mark = f"----{drawn.calls[0]}"
    parts = "".join(
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**facts._asdict(), "said": drawn.system}.items()
    )
    kind = f"multipart/form-data; boundary={mark}".encode()
    return Request("/refunds", f"{parts}--{mark}--\r\n".encode(), kind)


def text(facts: Facts, drawn: Drawn) -> Request:
    said = f"{drawn.system}\n{wants(facts)}\n{facts.model} {facts.tool} {facts.turns}"
    return Request("/notes", said.encode(), b"text/plain")


FORMS: Final[dict[str, Callable[[Facts, Drawn], Request]]] = {
    "responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "bedrock": bedrock,
    "mcp": mcp,
    "tool": tool,
    "query": query,
    "form": form,
    "multipart": multipart,
    "text": text,
}
# Where nothing is said of a tool as long as none was used.
CONVERSATIONS: Final = ("responses", "anthropic", "gemini", "bedrock")


@pytest.mark.parametrize("name", FORMS)
def test_mutations_are_judged_right(name: str) -> None:
    make, past = FORMS[name], random.Random(0)  # noqa: S311 - sample data
    asked = [make(facts, draw(past)) for facts in RECORDED]
    calls = [
        exchange(
            seq, one.body, url=(*HOST, one.target), method=one.method, headers=one.head.headers
        )
        for seq, one in enumerate(asked, 1)
    ]
    fixtures = Fixtures.of(calls, steps=step)
    wrong, served = [], 0
    for seed in range(40):
        rng = random.Random(seed)  # noqa: S311 - sample data
        facts = rng.choice(RECORDED)
        if seed % 2:
            facts = rng.choice(FACTS)(facts, rng)
        silent = name in CONVERSATIONS and not facts.turns
        known = facts._replace(tool="refund") if silent else facts
        expected = RECORDED.index(known) + 1 if known in RECORDED else None
        one = make(facts, draw(rng))
        answer = Playback(fixtures).decide(one.head, one.body)
        found = answer.fixture.seq if isinstance(answer, Hit) else None
        served += found is not None
        if found != expected:
            wrong.append((seed, facts, expected, found))
    assert wrong == []
    assert 20 <= served < 40, "of both kinds"
