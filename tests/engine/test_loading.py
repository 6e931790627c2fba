import pytest

from proxy.core.correlation import Peer
from proxy.core.decisions import Forward, Refuse
from proxy.core.model import RequestHead
from proxy.engine.engine import Engine
from proxy.engine.loading import Loading
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.stores.memory import MemoryStore
from tests.engine.conftest import make_writer


@pytest.mark.parametrize(
    ("everything", "named", "refused"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
async def test_nothing_that_a_recording_is_to_answer_goes_live_meanwhile(
    everything: bool, named: bool, refused: bool
) -> None:
    engine = Engine(RunBook(order=()), make_writer(MemoryStore("memory:")), Pool(), Router.of({}))
    engine.replays = Loading(everything)
    headers = ((b"Dashcam-Replay", b"last"),) if named else ()
    head = RequestHead("GET", "https", "a.test", 443, "/", "HTTP/1.1", headers)
    tx = engine.begin(head, Peer("203.0.113.1:5"), via="forward", lane="fast")
    tx.request_end()
    assert tx.hold is refused
    decision = await engine.decide_held(tx)
    assert isinstance(decision, Refuse if refused else Forward)
    assert engine.may_dial("a.test") is not everything
    engine.pool.close()
