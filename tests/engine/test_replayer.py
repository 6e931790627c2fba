import itertools
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from proxy.cli._modes import MODES, with_live
from proxy.core.correlation import Peer
from proxy.core.decisions import Forward, Refuse, Serve
from proxy.core.model import Body, Exchange, Own, RequestHead, ResponseHead
from proxy.core.replay import MATCHES, Fixtures, Live, Rewrite
from proxy.core.replay.live import parse
from proxy.engine.recorder import Tx
from proxy.engine.replayer import Mode, Replayer
from proxy.engine.router import Router

type Ask = Callable[..., Tx]


def recorded(number: int) -> Exchange:
    return Exchange(
        id=f"ex_{number}",
        run_id="old",
        seq=number,
        via="forward",
        started_at=1.0,
        request=RequestHead("GET", "https", "a.test", 443, f"/orders/{number}"),
        response=ResponseHead(200),
        response_body=Body(b"answer"),
    )


FIXTURES = Fixtures.of(
    [recorded(1), recorded(2)], steps=lambda head, _body: f"{head.method} {head.host}"
)


def ask(target: str, *, run: str = "new", host: str = "a.test", replay: str | None = None) -> Tx:
    head = RequestHead("GET", "https", host, 443, target)
    own = Own(replay=replay)
    return Tx(run, 1, "forward", "fast", head, own, Peer(), lambda _tx: None)


@pytest.fixture
def replayer() -> Replayer:
    return Replayer(Router.of({}), Mode(live=Live(hosts=("live.*",))), {"old": FIXTURES})


async def test_a_recorded_call_is_served_once_to_each_run(replayer: Replayer) -> None:
    for run in ("first", "second"):
        tx = ask("/orders/1", run=run)
        decision = await replayer.decide(tx)
        assert isinstance(decision, Serve)
        assert (decision.exchange.response_body.data, tx.exchange.served_from) == (
            b"answer",
            "ex_1",
        )
        assert isinstance(await replayer.decide(ask("/orders/1", run=run)), Refuse)
    assert [report["counts"]["served"] for report in replayer.reports()] == [1, 1]
    assert replayer.report().exit_code == 2


@pytest.mark.parametrize(
    "note",
    [
        "response body dropped: over 48 MiB",
        "server messages dropped: redaction failed (ValueError)",
        "7 messages dropped: over 48 MiB",
    ],
)
async def test_an_answer_that_was_not_kept_is_not_played_as_an_empty_one(note: str) -> None:
    bare = replace(recorded(1), response_body=Body(), notes=("x", note))
    fixtures = Fixtures.of([bare], steps=lambda head, _body: head.method)
    replayer = Replayer(Router.of({}), Mode(), {"old": fixtures})
    told: list[str] = []
    replayer.on_miss = told.append
    decision = await replayer.decide(ask("/orders/1"))
    assert isinstance(decision, Refuse)
    assert told == [f"the answer of call 1: {note}"]
    assert note in decision.body.decode()
    assert replayer.report().exit_code == 2


async def test_a_request_body_that_was_not_kept_is_no_reason() -> None:
    bare = replace(recorded(1), notes=("request body dropped: over 48 MiB",))
    fixtures = Fixtures.of([bare], steps=lambda head, _body: head.method)
    replayer = Replayer(Router.of({}), Mode(), {"old": fixtures})
    assert isinstance(await replayer.decide(ask("/orders/1")), Serve)


async def test_a_miss_names_the_nearest_for_people_and_machines(replayer: Replayer) -> None:
    told: list[str] = []
    replayer.on_miss = told.append
    decision = await replayer.decide(ask("/orders/77"))
    assert isinstance(decision, Refuse)
    assert decision.status == 424
    body = json.loads(decision.body)
    assert "nearest" in told[0]
    assert body["dashcam"]
    assert int(dict(decision.headers)[b"content-length"]) == len(decision.body)
    assert dict(decision.headers)[b"x-should-retry"] == b"false"


async def test_no_host_is_contacted_unless_allowed_by_name(replayer: Replayer) -> None:
    refused = await replayer.decide(ask("/x", host="other.test"))
    assert isinstance(refused, Refuse)
    live = await replayer.decide(ask("/x", host="live.test"))
    assert isinstance(live, Forward)
    assert replayer.report().hosts_refused == {"other.test": 1}
    assert [replayer.may_dial(host) for host in ("a.test", "live.test")] == [False, True]


async def test_a_request_may_name_its_recording() -> None:
    replayer = Replayer(Router.of({}), Mode(), load={"tape": FIXTURES}.__getitem__)
    assert not replayer.wants(Own())
    assert replayer.wants(Own(replay="tape"))
    assert replayer.may_dial("a.test")
    assert isinstance(await replayer.decide(ask("/orders/1", replay="tape")), Serve)


async def test_nothing_asked_is_no_verdict(replayer: Replayer) -> None:
    assert replayer.report().exit_code == 125


def ask_model(body: bytes, *more: tuple[bytes, bytes]) -> Tx:
    headers = ((b"Host", b"api.test"), (b"Content-Length", str(len(body)).encode()), *more)
    head = RequestHead("POST", "https", "api.test", 443, "/v1/chat/completions", headers=headers)
    tx = Tx("new", 1, "forward", "fast", head, Own(), Peer(), lambda _tx: None)
    tx.request_data(body)
    tx.request_end()
    return tx


async def test_a_live_model_call_is_changed_as_asked_and_recorded_so() -> None:
    mode = Mode(live=Live(llm=True), rewrite=Rewrite("other", "http://llm.test:81/v2"))
    replayer = Replayer(Router.of({}), mode, {"old": FIXTURES})
    assert not replayer.may_dial("llm.test")
    tx = ask_model(b'{"model":"m","messages":[]}')
    decision = await replayer.decide(tx)
    assert isinstance(decision, Forward)
    assert (decision.address.host, decision.address.port) == ("llm.test", 81)
    assert tx.rewritten
    made = tx.build()
    assert made.request.url == "http://llm.test:81/v2/chat/completions"
    assert made.request_body.data == b'{"model":"other","messages":[]}'
    assert made.notes == ("changed: model, base URL",)
    assert replayer.may_dial("llm.test"), "over HTTP/2 it is dialled by mitmproxy"
    assert isinstance(await replayer.decide(ask("/orders/1")), Serve), "tools are recorded"


async def test_what_cannot_be_changed_does_not_go_out_unchanged() -> None:
    mode = Mode(live=Live(llm=True), rewrite=Rewrite("other"))
    replayer = Replayer(Router.of({}), mode, {"old": FIXTURES})
    tx = ask_model(b'{"messages":[]}', (b"Authorization", b"AWS4-HMAC-SHA256 x"))
    decision = await replayer.decide(tx)
    assert isinstance(decision, Refuse)
    assert b"is signed" in decision.body
    assert not tx.rewritten


async def test_what_goes_live_goes_untouched() -> None:
    replayer = Replayer(Router.of({}), Mode(live=Live(llm=True)), {"old": FIXTURES})
    tx = ask_model(b'{ "model":"m","messages":[]}')
    assert isinstance(await replayer.decide(tx), Forward)
    assert not tx.rewritten
    assert tx.build().request_body.data == b'{ "model":"m","messages":[]}'


async def test_a_live_call_does_not_go_round_in_a_circle() -> None:
    router = Router.of({})
    router.own_ports.add(81)
    mode = Mode(live=Live(llm=True), rewrite=Rewrite(base_url="http://127.0.0.1:81/v1"))
    replayer = Replayer(router, mode, {"old": FIXTURES})
    decision = await replayer.decide(ask_model(b'{"messages":[]}'))
    assert isinstance(decision, Refuse)
    assert decision.status == 508


async def test_no_combination_goes_live_where_nothing_was_named() -> None:
    nobody = parse((), ())
    flags = itertools.product(
        MATCHES,
        (False, True),
        (False, True),
        (1, 99),
        (None, Rewrite("gpt-5", "https://live.test/v1", {"temperature": 0})),
        MODES,
    )
    asked = itertools.cycle((("/orders/9", "a.test"), ("/v1/responses", "api.openai.com")))
    for match, reuse, steady, at, rewrite, how in flags:
        mode = Mode(match, reuse=reuse, at=at, rewrite=rewrite, steady=steady)
        replayer = Replayer(Router.of({}), with_live(mode, how, nobody), {"old": FIXTURES})
        target, host = next(asked)
        assert not isinstance(await replayer.decide(ask(target, host=host)), Forward)
        assert not replayer.may_dial(host)
