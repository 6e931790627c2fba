from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest

from proxy.core.correlation import WITNESSES
from proxy.core.model import Body, End, Exchange, RequestHead, ResponseHead
from proxy.core.replay import Fixtures, Live
from proxy.core.wire.mcp import TOO_LATE
from proxy.engine.asking import ask
from proxy.engine.engine import Engine
from proxy.engine.replayer import Mode, Replayer
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer

HEAD = RequestHead("POST", "mcp+stdio", "shop", 0, "/", "stdio")


def call(id_: int, tool: str) -> bytes:
    asked = {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": {"name": tool}}
    return orjson.dumps(asked) + b"\n"


def recorded(number: int, tool: str, answer: bytes | None) -> Exchange:
    one = Exchange(f"ex_{number}", "old", number, "mcp", 1.0, HEAD, Body(call(number, tool)))
    if answer is None:
        one.end, one.error = End.UPSTREAM_TRUNCATED, "the server ended with exit code 3"
    else:
        one.response, one.response_body = ResponseHead(200), Body(answer)
    return one


@pytest.fixture
async def engine(store: MemoryStore) -> AsyncIterator[Engine]:
    made = Engine(RunBook(order=tuple(WITNESSES)), make_writer(store), Pool(), Router.of({}))
    fixtures = Fixtures.of(
        [
            recorded(1, "add", b'{"jsonrpc":"2.0","id":1,"result":{"sum":3}}\n'),
            recorded(2, "die", None),
            replace(
                recorded(3, "slow", b'{"jsonrpc":"2.0","id":1,"result":{}}\n'), notes=(TOO_LATE,)
            ),
        ],
        steps=lambda head, _body: head.host,
    )
    made.replays = Replayer(made.router, Mode(live=Live(hosts=("live",))), {"old": fixtures})
    await made.start()
    yield made
    await made.stop()


async def test_a_recorded_answer_with_the_clients_id(engine: Engine, store: MemoryStore) -> None:
    answer = await ask(engine, "new", HEAD, call(7, "add"))
    assert answer.end is End.COMPLETE
    assert orjson.loads(answer.body) == {"jsonrpc": "2.0", "id": 7, "result": {"sum": 3}}
    (served,) = store.exchanges("new")
    assert (served.served_from, served.via, served.lane) == ("ex_1", "mcp", "stdio")
    assert served.response_body.data == answer.body


async def test_what_came_when_it_was_cancelled_does_not_come_before(
    engine: Engine, store: MemoryStore
) -> None:
    answer = await ask(engine, "new", HEAD, call(7, "slow"))
    assert (answer.body, answer.end) == (b"", End.COMPLETE)
    (served,) = store.exchanges("new")
    assert (served.notes, served.response_body.data[:1]) == ((TOO_LATE,), b"{")


async def test_a_server_that_died(engine: Engine) -> None:
    answer = await ask(engine, "new", HEAD, call(2, "die"))
    assert (answer.body, answer.end) == (b"", End.UPSTREAM_TRUNCATED)
    assert answer.error == "the server ended with exit code 3"


async def test_a_miss(engine: Engine, store: MemoryStore) -> None:
    answer = await ask(engine, "new", HEAD, call(1, "subtract"))
    assert answer.end is End.MISSED
    assert "no recorded call" in orjson.loads(answer.body)["error"]["message"]
    assert next(store.exchanges("new")).end is End.MISSED


async def test_no_stdio_server_is_contacted(engine: Engine) -> None:
    head = RequestHead("POST", "mcp+stdio", "live", 0, "/", "stdio")
    answer = await ask(engine, "new", head, call(1, "add"))
    assert answer.end is End.REFUSED
