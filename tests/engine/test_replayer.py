import json
from collections.abc import Callable

import pytest

from proxy.core.correlation import Peer
from proxy.core.decisions import Forward, Refuse, Serve
from proxy.core.model import Body, Exchange, Own, RequestHead, ResponseHead
from proxy.core.replay import Fixtures
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
    return Replayer(Router.of({}), Mode(allow=("live.*",)), {"old": FIXTURES})


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
