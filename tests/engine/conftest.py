import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from proxy.core.correlation import Peer
from proxy.core.model import End, Exchange, Own, RequestHead, ResponseHead
from proxy.core.outcomes import judge
from proxy.core.outcomes._api import Facts
from proxy.engine.recorder import Tx
from proxy.engine.writer import Writer
from proxy.stores._api import Store
from proxy.stores.memory import MemoryStore


class Plain:
    """A redactor for text without secrets."""

    def exchange(self, exchange: Exchange) -> Exchange:
        return exchange

    def json[T](self, value: T) -> T:
        return value


def make_writer(store: Store, durability: str = "durable") -> Writer:
    return Writer(
        store,
        Plain(),
        lambda run, events, code, by: judge(Facts(run, events, code, by), created_at=1.0),
        loop=asyncio.get_running_loop(),
        durability=durability,
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore("memory:")


@pytest.fixture
async def writer(store: MemoryStore) -> AsyncIterator[Writer]:
    made = make_writer(store)
    made.start()
    yield made
    await asyncio.to_thread(made.stop)


def finished(
    run: str = "r", seq: int = 1, *, status: int = 200, end: End = End.COMPLETE, body: bytes = b"ok"
) -> Tx:
    """A finished exchange that nobody has stored yet."""
    head = RequestHead("GET", "https", "a.test", 443, f"/{seq}")
    tx = Tx(run, seq, "forward", "fast", head, Own(), Peer(), lambda _tx: None)
    tx.request_end()
    if end is End.COMPLETE:
        tx.response_head(ResponseHead(status))
        tx.response_data(body)
    tx.finish(end)
    return tx


@pytest.fixture
def make_tx() -> Callable[..., Tx]:
    return finished
