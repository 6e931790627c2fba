"""Agents that name no run, through the real engine, writer and store: whose call is it?"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.core.correlation import LATER, WITNESSES, Peer
from proxy.core.model import End, Event, RequestHead, ResponseHead, Run
from proxy.engine import processes
from proxy.engine.engine import Engine
from proxy.engine.recorder import Tx
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.stores._api import RunQuery
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}]


class Recorder:
    """Sends exchanges through an engine as an adapter would."""

    def __init__(self, engine: Engine, store: MemoryStore) -> None:
        self.engine = engine
        self.store = store
        self._seen: set[int] = set()

    def begin(self, url: str, body: Any, peer: Peer, *headers: tuple[bytes, bytes]) -> Tx:
        host, _, path = url.partition("/")
        head = RequestHead("POST", "https", host, 443, f"/{path}", headers=headers)
        tx = self.engine.begin(head, peer, via="forward", lane="fast")
        tx.request_data(json.dumps(body).encode())
        tx.request_end()
        return tx

    async def end(self, tx: Tx, answer: Any, status: int = 200) -> str:
        """The id of the run that the call was put into."""
        tx.response_head(ResponseHead(status, headers=((b"content-type", b"application/json"),)))
        tx.response_data(json.dumps(answer).encode())
        waiter = tx.finish(End.COMPLETE)
        assert waiter is not None
        assert await waiter
        await asyncio.sleep(0)
        return self.store.exchange(tx.exchange.id).run_id

    async def call(self, url: str, body: Any, answer: Any, peer: Peer, *headers: Any) -> str:
        return await self.end(self.begin(url, body, peer, *headers), answer)

    def events(self, run: str) -> list[Event]:
        return [event for event in self.store.events(run) if event.kind != "validation"]

    def runs(self) -> list[Run]:
        return [row.run for row in self.store.runs(RunQuery()) if row.calls]


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    store = MemoryStore("memory:")
    book = RunBook((*WITNESSES, *LATER))
    engine = Engine(book, make_writer(store), Pool(), Router.of({}))
    await engine.start()
    yield Recorder(engine, store)
    await engine.stop()


CHAT = "api.openai.com/v1/chat/completions"


class Chat:
    """An agent with a history of its own, as OpenAI's API has it."""

    def __init__(self, recorder: Recorder, question: str, peer: Peer, **body: Any) -> None:
        self.recorder = recorder
        self.peer = peer
        self.body = {"model": "gpt-5", **body}
        self.messages: list[dict[str, Any]] = [{"role": "user", "content": question}]

    def ask(self) -> Tx:
        return self.recorder.begin(CHAT, {**self.body, "messages": self.messages}, self.peer)

    async def answered(self, tx: Tx, text: str = "", *tools: dict[str, Any]) -> str:
        said: dict[str, Any] = {"role": "assistant", "content": text or None}
        if tools:
            said["tool_calls"] = list(tools)
        self.messages.append(said)
        finish = "tool_calls" if tools else "stop"
        choice = {"index": 0, "message": said, "finish_reason": finish}
        return await self.recorder.end(tx, {"id": "x", "model": "gpt-5", "choices": [choice]})

    async def turn(self, text: str = "", *tools: dict[str, Any]) -> str:
        return await self.answered(self.ask(), text, *tools)

    def told(self, call_id: str, content: str) -> None:
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def goes_on(self, question: str) -> None:
        self.messages.append({"role": "user", "content": question})


def use(name: str, call_id: str = "call_1", **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": call_id, "type": "function", "function": function}


def address(number: int) -> Peer:
    """A connection from behind one address."""
    return Peer(f"203.0.113.9:{number}", connection=str(number))


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "name", lambda peer: "pid:7:1")


CITIES = ("Reykjavik", "Lisbon", "Nairobi")


async def at_once(recorder: Recorder, peers: list[Peer], question: str) -> list[set[str]]:
    """Three agents with a tool call each, every step of them between the others' steps."""
    agents = [
        Chat(recorder, question.format(city), peer, tools=TOOLS)
        for city, peer in zip(CITIES, peers, strict=True)
    ]
    found: list[set[str]] = [set() for _ in agents]
    begun = [agent.ask() for agent in agents]
    for at, (agent, tx, city) in enumerate(zip(agents, begun, CITIES, strict=True)):
        found[at].add(await agent.answered(tx, "", use("get_weather", city=city)))
    for at, (peer, city) in reversed(list(enumerate(zip(peers, CITIES, strict=True)))):
        answer = {"city": city, "celsius": at}
        url = f"weather.test/v1/weather?city={city}"
        found[at].add(await recorder.call(url, {}, answer, peer))
        agents[at].told("call_1", json.dumps(answer))
    for at, agent in enumerate(agents):
        found[at].add(await agent.turn(f"It is {at} degrees."))
        agent.goes_on("And tomorrow?")
    for at, agent in enumerate(agents):
        found[at].add(await agent.turn("I do not know."))
    return found


async def test_three_agents_at_once_behind_one_address_are_three_runs(recorder: Recorder) -> None:
    found = await at_once(recorder, [address(n) for n in (1, 2, 3)], "The weather in {}?")
    assert [len(runs) for runs in found] == [1, 1, 1]
    assert len(set.union(*found)) == 3
    assert len(recorder.runs()) == 3
    for runs in found:
        kinds = [event.kind for event in recorder.events(*runs)]
        assert sorted(kinds) == ["llm_call", "llm_call", "llm_call", "tool_call"]


async def test_three_agents_in_one_process_are_three_runs(
    recorder: Recorder, one_process: None
) -> None:
    peers = [Peer(f"127.0.0.1:{n}", connection=str(n)) for n in (1, 2, 3)]
    found = await at_once(recorder, peers, "The weather in {}?")
    assert [len(runs) for runs in found] == [1, 1, 1]
    assert len(set.union(*found)) == 3


async def test_three_agents_with_one_pool_of_connections_are_three_runs(
    recorder: Recorder, one_process: None
) -> None:
    found = await at_once(recorder, [Peer("127.0.0.1:1", connection="1")] * 3, "Weather: {}?")
    assert [len(runs) for runs in found] == [1, 1, 1]
    assert len(set.union(*found)) == 3


async def test_the_same_question_at_once_is_told_apart_by_the_connection(
    recorder: Recorder,
) -> None:
    agents = [Chat(recorder, "What is the time?", address(n), tools=TOOLS) for n in (1, 2, 3)]
    begun = [agent.ask() for agent in agents]
    first = [
        await agent.answered(tx, "", use("clock")) for agent, tx in zip(agents, begun, strict=True)
    ]
    for agent in agents:
        agent.told("call_1", "noon")
    then = [await agent.turn("Noon.") for agent in agents]
    assert first == then
    assert len(set(first)) == 3


async def test_one_agent_is_one_run_whatever_its_steps_are(
    recorder: Recorder, one_process: None
) -> None:
    """A planner, a worker and a judge in turn, each with a history of its own."""
    peer = Peer("127.0.0.1:1", connection="1")
    question = "Find out why invoices of March are late."
    plan = "Look at the queue of the invoice service first."
    found = {
        await Chat(recorder, f"Make a plan. {question}", peer).turn(plan),
        await Chat(recorder, "Translate: good morning", peer).turn("Guten Morgen"),
        await Chat(recorder, f"Do this now: {plan}", peer, tools=TOOLS).turn("", use("get_queue")),
        await Chat(recorder, f"Is this right? {plan}", peer).turn("It is."),
    }
    assert len(found) == 1


async def test_a_sub_agent_is_in_its_callers_run(recorder: Recorder, one_process: None) -> None:
    task = "Compare the prices of trains from Paris to Rome in May."
    peer = Peer("127.0.0.1:1", connection="1")
    main = Chat(recorder, "Plan my holidays", peer, tools=TOOLS)
    run = await main.turn("", use("delegate", task=task))
    helper = Chat(recorder, f"You are a researcher. {task}", peer, tools=TOOLS)
    assert await helper.turn("", use("search", query="train")) == run
    helper.told("call_1", "90 EUR")
    assert await helper.turn("90 EUR") == run
    main.told("call_1", "90 EUR")
    assert await main.turn("By train for 90 EUR.") == run


async def test_a_tool_that_asks_a_model_is_in_its_callers_run(
    recorder: Recorder, one_process: None
) -> None:
    peers = [Peer(f"127.0.0.1:{n}", connection=str(n)) for n in (1, 2, 3)]
    main = Chat(recorder, "What is on these pages?", peers[0], tools=TOOLS)
    run = await main.turn("", use("read", "a", page=1), use("read", "b", page=2))
    inner = [Chat(recorder, f"Sum up: page {n}", peer) for n, peer in enumerate(peers[1:])]
    begun = [one.ask() for one in inner]
    for one, tx in zip(inner, begun, strict=True):
        assert await one.answered(tx, "A page.") == run


async def test_a_title_for_the_conversation_is_in_its_run(recorder: Recorder) -> None:
    question = "How do I reset the token of my API?"
    main, title = (
        Chat(recorder, question, address(1), tools=TOOLS),
        Chat(recorder, f"Make a title for: {question}", address(2)),
    )
    begun = main.ask(), title.ask()
    run = await main.answered(begun[0], "Go to the settings.")
    assert await title.answered(begun[1], "Token reset") == run


async def test_who_tries_again_after_a_failure_stays_in_the_run(
    recorder: Recorder, one_process: None
) -> None:
    peers = [Peer(f"127.0.0.1:{n}", connection=str(n)) for n in (1, 2)]
    one, other = (Chat(recorder, f"Weather in {n}?", p) for n, p in enumerate(peers))
    begun = one.ask(), other.ask()
    runs = [await one.answered(begun[0], "Fine"), ""]
    runs[1] = await recorder.end(begun[1], {"error": {"message": "overloaded"}}, 503)
    assert runs[0] != runs[1]
    assert await other.turn("Rain") == runs[1]


async def test_a_history_whose_beginning_was_cut_off_goes_on(recorder: Recorder) -> None:
    one = Chat(recorder, "Tell me all about the whales of the north.", address(1))
    run = await one.turn("Whales are large mammals that live in the sea, and some of them sing.")
    one.messages = [{"role": "user", "content": "(summed up)"}, one.messages[-1]]
    one.goes_on("And those of the south?")
    one.peer = address(2)
    assert await one.turn("They are whales as well.") == run


async def test_ids_in_bodies_name_runs_as_headers_do(recorder: Recorder) -> None:
    async def asked(n: int, *headers: tuple[bytes, bytes], **body: Any) -> str:
        one = Chat(recorder, f"Question {n}", address(n), **body)
        tx = recorder.begin(CHAT, {**body, "messages": one.messages}, one.peer, *headers)
        return await one.answered(tx, "Answer")

    trace = "0af7651916cd43dd8448eb211c80319c"
    parent = f"00-{trace}-b7ad6b7169203331-01"
    first = await asked(1, metadata={"run_id": "r-17"})
    assert await asked(2, metadata={"runId": "r-17"}) == first
    assert await asked(3, (b"x-run-id", b"r-17")) == first
    assert await asked(4, metadata={"run_id": "r-18"}) != first
    traced = await asked(5, (b"traceparent", parent.encode()))
    call = {"name": "look", "arguments": {}, "_meta": {"traceparent": parent}}
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}
    assert await recorder.call("mcp.test/mcp", rpc, answer, address(6)) == traced


async def test_a_response_that_continues_another_is_in_its_run(recorder: Recorder) -> None:
    url = "api.openai.com/v1/responses"

    async def asked(n: int, answer: str, before: str | None) -> str:
        body = {"model": "gpt-5", "input": f"Question {n}", "previous_response_id": before}
        said = {"type": "message", "role": "assistant", "content": []}
        whole = {"id": answer, "object": "response", "status": "completed", "output": [said]}
        return await recorder.call(url, body, whole, address(n))

    first, other = await asked(1, "resp_a", None), await asked(2, "resp_b", None)
    assert first != other
    assert await asked(3, "resp_c", "resp_a") == first
    assert await asked(4, "resp_d", "resp_b") == other


async def test_users_of_one_service_are_apart(recorder: Recorder, one_process: None) -> None:
    peer = Peer("127.0.0.1:1", connection="1")
    runs = [await Chat(recorder, "Hello", peer, user=user).turn("Hi") for user in ("ann", "bob")]
    assert runs[0] != runs[1]


async def test_a_tool_call_goes_where_a_model_asked_for_it_even_from_elsewhere(
    recorder: Recorder,
) -> None:
    """The run has a header, its tool is called by a process that knows nothing of it."""
    said = {
        "role": "assistant",
        "content": None,
        "tool_calls": [use("searchCustomer", email="jane@acme.com")],
    }
    answer = {"id": "x", "choices": [{"message": said, "finish_reason": "tool_calls"}]}
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Who is Jane?"}]}
    run = await recorder.call(CHAT, body, answer, address(1), (b"x-run-id", b"jane"))
    elsewhere = Peer("198.51.100.4:9", connection="9")
    url = "crm.test/customers/search"
    found = await recorder.call(url, {"email": "jane@acme.com"}, {"id": 7}, elsewhere)
    assert found == run
    asked, called = recorder.events(run)
    assert called.data["askedBy"] == {
        "exchange": asked.data["exchangeId"],
        "tool": "searchCustomer",
        "id": "call_1",
    }
    joe = await recorder.call(url, {"email": "joe@other.test"}, {"id": 8}, elsewhere)
    assert joe != run


@pytest.mark.parametrize(
    ("headers", "group"),
    [
        (((b"X-Claude-Code-Session-Id", b"s"), (b"X-Claude-Code-Agent-Id", b"a1")), "agent a1"),
        (
            (
                (b"session-id", b"s"),
                (b"x-codex-turn-metadata", b'{"agent_name": "/root/finder/reader"}'),
            ),
            "agent finder/agent reader",
        ),
        (((b"x-parent-session-id", b"s"), (b"x-session-id", b"child")), "agent child"),
        (((b"x-session-id", b"s"),), None),
        (((b"x-codex-turn-metadata", b'{"agent_name": "/root"}'),), None),
    ],
)
async def test_sub_agents_of_known_agents_are_a_phase_of_the_run(
    recorder: Recorder, headers: tuple[tuple[bytes, bytes], ...], group: str | None
) -> None:
    one = Chat(recorder, "Hello", address(1))
    tx = recorder.begin(CHAT, {**one.body, "messages": one.messages}, one.peer, *headers)
    run = await one.answered(tx, "Hi")
    names = [event.name for event in recorder.events(run) if event.kind == "group"]
    assert "/".join(names) == (group or "")


async def test_runs_that_were_found_have_ends_and_outcomes(recorder: Recorder) -> None:
    await at_once(recorder, [address(n) for n in (1, 2, 3)], "The weather in {}?")
    live = recorder.engine.runs.live
    assert len(live) == 3
    await recorder.engine.stop()
    assert [row.calls for row in recorder.store.runs(RunQuery())] == [4, 4, 4]
    assert [run.outcome for run in recorder.runs()] == ["Completed"] * 3
    assert {run.metadata["witness"] for run in recorder.runs()} == {"process", "history"}


async def test_a_client_whose_calls_were_moved_is_idle_by_its_own(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await at_once(recorder, [address(n) for n in (1, 2, 3)], "The weather in {}?")
    book = recorder.engine.runs
    lane = next(iter(book.guessed))
    assert {lane} in found
    activity = book.live[lane].own_activity
    assert activity is not None
    agent = Chat(recorder, "Something else altogether", address(4))
    assert {await agent.turn("Yes")} not in found
    assert book.live[lane].own_activity == activity


async def test_only_the_witnesses_that_are_asked_speak() -> None:
    store = MemoryStore("memory:")
    engine = Engine(RunBook(tuple(WITNESSES)), make_writer(store), Pool(), Router.of({}))
    await engine.start()
    found = await at_once(Recorder(engine, store), [address(n) for n in (1, 2, 3)], "{}?")
    await engine.stop()
    assert len(set.union(*found)) == 1
