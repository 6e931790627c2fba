"""Enforced schemas as the engine asks for them."""

from collections.abc import AsyncIterator

import pytest

from proxy.core.correlation import WITNESSES, Peer
from proxy.core.decisions import Forward, Refuse
from proxy.core.model import Headers, RequestHead, ResponseHead
from proxy.core.schemas import Book, Declared, Rule
from proxy.core.schemas.enforcing import WITHHELD
from proxy.core.validators import Learned
from proxy.engine.engine import Engine
from proxy.engine.gate import Gate
from proxy.engine.recorder import HELD_MOST, Tx
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer
from tests.engine.gates import BAD_ANSWER, BAD_REQUEST, BOTH, SAID, enforce

JSON: Headers = ((b"content-type", b"application/json"),)
RUN: Headers = ((b"Dashcam-Run", b"r"),)


@pytest.fixture
async def engine(store: MemoryStore) -> AsyncIterator[Engine]:
    made = Engine(RunBook(order=tuple(WITNESSES)), make_writer(store), Pool(), Router.of({}))
    await made.start()
    yield made
    await made.stop()


def begun(engine: Engine, path: str, body: bytes) -> Tx:
    head = RequestHead("POST", "https", "crm.test", 443, path, headers=JSON + RUN)
    tx = engine.begin(head, Peer(), via="forward", lane="fast")
    tx.request_data(body)
    tx.request_end()
    return tx


async def test_only_what_is_under_an_enforced_schema_is_held(engine: Engine) -> None:
    assert not begun(engine, "/echo", BAD_REQUEST).hold
    enforce(engine)
    assert begun(engine, "/echo", BAD_REQUEST).hold
    other = begun(engine, "/other", BAD_REQUEST)
    assert not other.hold
    assert isinstance(engine.decide(other), Forward)
    enforce(engine, Declared("echo", tool="echo", request={"required": ["ask"]}))
    assert not begun(engine, "/echo", BAD_REQUEST).hold


async def test_a_bad_request_is_refused_and_is_an_event(engine: Engine, store: MemoryStore) -> None:
    enforce(engine)
    tx = begun(engine, "/echo", BAD_REQUEST)
    decision = await engine.decide_held(tx)
    assert isinstance(decision, Refuse)
    tx.response_head(ResponseHead(decision.status, "", "HTTP/1.1", decision.headers))
    tx.response_data(decision.body)
    waiter = tx.finish(decision.end, decision.reason)
    assert waiter is not None
    await waiter
    call, found = store.events("r")
    assert (call.data["end"], call.status) == ("refused", "error")
    assert call.data["error"].startswith("schema: echo: the arguments broke the schema")
    assert (found.kind, found.parent_event_id, found.data["mode"]) == (
        "validation",
        call.id,
        "enforce",
    )
    assert found.data["violations"][0]["path"] == "$.ask"
    await engine.close_run("r")
    (outcome,) = store.outcomes("r")
    assert (outcome.failure_mode, outcome.rule) == ("Tool Error", "refused")
    assert outcome.evidence == (call.id, found.id)


@pytest.mark.parametrize("size", [0, 100_000])
async def test_a_bad_answer_is_replaced_and_kept(
    engine: Engine, store: MemoryStore, size: int
) -> None:
    enforce(engine)
    tx = begun(engine, "/echo", BOTH)
    assert isinstance(await engine.decide_held(tx), Forward)
    tx.response_head(ResponseHead(200, headers=JSON))
    body = BAD_ANSWER + b" " * size
    tx.response_data(body)
    assert tx.keep(body) == b""
    refusal = await engine.judged(tx)
    assert refusal is not None
    assert refusal.status == 502
    waiter = tx.finish(refusal.end, refusal.reason)
    assert waiter is not None
    await waiter
    call, found = store.events("r")
    assert (call.data["end"], call.data["statusCode"], call.data["notes"]) == (
        "refused",
        200,
        [WITHHELD],
    )
    assert SAID in found.data["violations"][0]["message"]
    (exchange,) = store.exchanges("r")
    assert exchange.response_body.data == body


async def test_a_good_answer_goes_on_as_it_came(engine: Engine) -> None:
    enforce(engine)
    tx = begun(engine, "/echo", BOTH)
    await engine.decide_held(tx)
    assert (tx.keep(b"head"), tx.keep(BOTH)) == (b"", b"")
    tx.response_head(ResponseHead(200, headers=JSON))
    tx.response_data(BOTH)
    assert await engine.judged(tx) is None
    assert tx.release() == b"head" + BOTH
    assert tx.keep(b"more") == b"more"


async def test_an_answer_without_limits_is_passed_on_and_says_so(engine: Engine) -> None:
    enforce(engine)
    tx = begun(engine, "/echo", BOTH)
    await engine.decide_held(tx)
    assert tx.keep(b"x" * HELD_MOST) == b""
    assert len(tx.keep(b"y")) == HELD_MOST + 1
    assert tx.withheld is None
    assert tx.exchange.notes == ("larger than 16 MiB: passed on without a check",)
    assert await engine.judged(tx) is None


async def test_an_mcp_tool_is_known_once_its_server_has_declared_it(engine: Engine) -> None:
    schema = {"type": "object", "required": ["q"]}
    engine.gate = Gate(Book(rules=[Rule("mcp:*", "enforce")]), engine.writer.learned)
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","arguments":{}}}'
    accept: Headers = ((b"accept", b"application/json, text/event-stream"),)
    head = RequestHead("POST", "https", "crm.test", 443, "/mcp", headers=JSON + RUN + accept)
    for known in (False, True):
        tx = engine.begin(head, Peer(), via="forward", lane="fast")
        assert tx.hold
        tx.request_data(body)
        tx.request_end()
        assert isinstance(await engine.decide_held(tx), Refuse if known else Forward)
        assert tx.withheld is None
        engine.writer.learned["mcp:crm.test/find"] = Learned(schema)
