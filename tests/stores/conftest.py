from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.core.model import Body, Event, Exchange, Part, RequestHead, ResponseHead
from proxy.stores import open_store
from proxy.stores._api import AddExchange
from proxy.stores.sqlite import SqliteStore

START = 1_763_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recordings" / "dashcam.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., SqliteStore]]:
    """Opens the store at `path`, again and again if need be; closes what is left open."""
    stores: list[SqliteStore] = []

    def open_it(**values: object) -> SqliteStore:
        store = open_store(f"sqlite:///{path}", **values)  # type: ignore[arg-type]
        assert isinstance(store, SqliteStore)
        stores.append(store)
        return store

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[..., SqliteStore]) -> SqliteStore:
    return opened()


@pytest.fixture
def call() -> Callable[..., AddExchange]:
    """Makes an exchange with its event."""

    def make(number: int, run_id: str = "run_a", **values: object) -> AddExchange:
        given: dict[str, object] = {
            "id": f"ex_{run_id}_{number}",
            "run_id": run_id,
            "seq": 0,
            "via": "forward",
            "started_at": START + number,
            "request": RequestHead("POST", "https", "api.example.com", 443, "/v1/chat"),
            "request_body": Body(b'{"n":%d}' % number, (Part(0, 7),)),
            "response": ResponseHead(200, "OK", headers=((b"Content-Type", b"text/plain"),)),
            "response_body": Body(b"answer %d" % number),
            "ended_us": 500_000,
        }
        exchange = Exchange(**{**given, **values})  # type: ignore[arg-type]
        event = Event(run_id, "llm_call", "openai.chat", exchange.started_at)
        return AddExchange(exchange, event)

    return make
