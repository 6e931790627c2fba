# ruff: noqa: S311 - the same data each time, not secrets
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from proxy.core.model import Body, Part, RequestHead, ResponseHead
from proxy.stores._api import AddExchange
from proxy.stores.sqlite import SqliteStore

type Opens = Callable[..., SqliteStore]
type Call = Callable[..., AddExchange]


def words(rng: random.Random, count: int) -> str:
    vocabulary = [
        f"{first}{second}{third}"
        for first in ("in", "cus", "re", "pay", "or", "ship")
        for second in ("vo", "to", "fun", "ment", "der", "ping")
        for third in ("ice", "mer", "d", "s", "ed", "ly")
    ]
    return " ".join(rng.choices(vocabulary, k=count))


def agent(turns: int, *, seed: int = 1, stream: bool = False) -> list[tuple[bytes, Body]]:
    """Requests that repeat all that was said, and their answers."""
    rng = random.Random(seed)
    messages: list[Mapping[str, object]] = [{"role": "system", "content": words(rng, 500)}]
    tools = [
        {"type": "function", "function": {"name": f"tool_{n}", "description": words(rng, 30)}}
        for n in range(10)
    ]
    out = []
    for _ in range(turns):
        request = json.dumps({"model": "m", "messages": messages, "tools": tools}).encode()
        call_id = f"call_{rng.randbytes(8).hex()}"
        said = {"role": "assistant", "content": words(rng, 30), "tool_calls": [{"id": call_id}]}
        if stream:
            events = [
                b'data: {"id":"chatcmpl-%d","choices":[{"delta":"%s"}]}\n\n' % (seed, word.encode())
                for word in json.dumps(said).split()
            ]
            at = 0
            parts = [Part(at := at + rng.randrange(30_000), len(event)) for event in events]
            answer = Body(b"".join(events), tuple(parts))
        else:
            data = json.dumps({"choices": [{"message": said}], "usage": {"n": 1}}).encode()
            answer = Body(data, (Part(900, len(data)),))
        out.append((request, answer))
        messages = [
            *messages,
            said,
            {"role": "tool", "tool_call_id": call_id, "content": words(rng, 470)},
        ]
    return out


def record(store: SqliteStore, call: Call, run_id: str, turns: list[tuple[bytes, Body]]) -> None:
    for number, (request, answer) in enumerate(turns):
        headers = (
            (b"host", b"api.example.com"),
            (b"authorization", b"Bearer {{secret:1}}"),
            (b"user-agent", b"an agent that says much of itself, " * 9),
            (b"content-length", b"%d" % len(request)),
        )
        store.write(
            [
                call(
                    number,
                    run_id,
                    request=RequestHead(
                        "POST", "https", "api.example.com", 443, "/v1/chat", headers=headers
                    ),
                    request_body=Body(request, (Part(5, len(request)),)),
                    response=ResponseHead(200, headers=((b"date", b"%d" % number), *headers[1:3])),
                    response_body=answer,
                )
            ]
        )


def on_disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob("dashcam.db*"))


def test_a_run_of_60_turns_is_small(opened: Opens, path: Path, call: Call) -> None:
    store = opened()
    turns = agent(60)
    raw = sum(len(request) + len(answer.data) for request, answer in turns)
    assert raw > 8_000_000
    record(store, call, "run_a", turns)
    found = [(one.request_body.data, one.response_body) for one in store.exchanges("run_a")]
    assert found == turns
    store.close()
    assert on_disk(path) <= 200_000


def test_a_run_that_streams_is_small(opened: Opens, path: Path, call: Call) -> None:
    store = opened()
    turns = agent(20, stream=True)
    record(store, call, "run_a", turns)
    assert [one.response_body for one in store.exchanges("run_a")] == [body for _, body in turns]
    store.close()
    parts = sum(len(body.parts) for _, body in turns)
    assert on_disk(path) < 90_000 + 6 * parts


def test_a_second_run_with_the_same_beginning_costs_what_is_new(opened: Opens, call: Call) -> None:
    store = opened()
    turns = agent(10)
    record(store, call, "run_a", turns)
    before = pieces(store)
    record(store, call, "run_b", turns)
    assert pieces(store) - before < 1500  # its records
    record(opened(), call, "run_c", turns)  # another process knows only what is in the database
    assert pieces(store) - before < 10_000
    assert store.verify() == []


def pieces(store: SqliteStore) -> int:
    """Bytes of all pieces, before compression."""
    from proxy.stores import ints

    rows = store._writer.execute("SELECT sizes FROM blobs").fetchall()
    return sum(sum(ints.unpack(sizes)) for (sizes,) in rows)


def test_images_and_answers_are_stored_once(opened: Opens, call: Call) -> None:
    store = opened()
    rng = random.Random(1)
    image = bytes(rng.choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789+/", k=200_000))
    answer = Body(json.dumps({"customers": [words(rng, 9) for _ in range(900)]}).encode())
    size = 0
    for number in range(6):
        body = b'{"n":%d,"messages":[{"image":"%s"},{"text":"%d"}]}' % (number, image, number)
        store.write([call(number, f"run_{number}", request_body=Body(body), response_body=answer)])
        size = size or pieces(store)
    assert pieces(store) < size * 1.1
    assert store.exchange("ex_run_5_5").response_body == answer


def test_conversations_that_take_turns_in_a_run(opened: Opens, call: Call) -> None:
    """Two agents of one run talk to one endpoint: each goes on where it was."""
    store = opened()
    both = [
        turn for pair in zip(agent(12, seed=1), agent(12, seed=2), strict=True) for turn in pair
    ]
    record(store, call, "run_a", both)
    assert [one.request_body.data for one in store.exchanges("run_a")] == [body for body, _ in both]
    new = len(both[-1][0]) + len(both[-2][0])
    assert pieces(store) < new * 1.5


def test_memory_is_bounded(opened: Opens, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.stores.blobs._REMEMBERED", 100_000)
    monkeypatch.setattr("proxy.stores.blobs._REMEMBERED_BODY", 40_000)
    monkeypatch.setattr("proxy.stores.blobs._SEEN", 10)
    monkeypatch.setattr("proxy.stores.blobs._TEMPLATES", 3)
    store = opened()
    rng = random.Random(1)
    for number in range(20):
        body = Body(b'{"a":"' + rng.randbytes(30_000 if number % 2 else 50_000) + b'"}')
        head = RequestHead(
            "GET", "https", f"{number}.example.com", 443, "/", headers=((b"a", b"b"),)
        )
        store.write([call(number, f"run_{number}", request=head, request_body=body)])
    blobs = store._memory.blobs
    held = sum(len(known.body) for bodies in blobs._bodies.values() for known in bodies)
    assert 0 < held == blobs._body_bytes <= 100_000
    assert len(blobs._seen) <= 10
    assert len(blobs._templates) <= 3
    assert store.verify() == []


def test_headers_are_what_they_were_with_little_said(opened: Opens, call: Call) -> None:
    store = opened()
    record(store, call, "run_a", agent(1))
    before = pieces(store)
    record(store, call, "run_b", agent(1))
    assert pieces(store) - before < 200
    found = store.exchange("ex_run_b_0")
    assert found.request.headers[2][1].startswith(b"an agent that says")
    assert found.response is not None
    assert found.response.headers[0] == (b"date", b"0")
