from collections.abc import Callable

import pytest

from proxy.core.model import Body
from proxy.stores import ints
from proxy.stores._api import AddExchange
from proxy.stores.blob_reader import BlobReader, Damaged
from proxy.stores.sqlite import SqliteStore

type Call = Callable[..., AddExchange]


@pytest.fixture
def filled(store: SqliteStore, call: Call) -> SqliteStore:
    """Two runs, taking turns; the second uses a piece of the first."""
    body = Body(b'{"a":[{"text":"' + b"shared " * 500 + b'"}]}')
    for number in range(5):
        for run_id in ("run_a", "run_b"):
            store.write([call(number, run_id, request_body=body)])
    return store


def test_exchanges_are_read_in_any_order(filled: SqliteStore) -> None:
    expected = {found.id: found for run in ("run_a", "run_b") for found in filled.exchanges(run)}
    assert len(expected) == 10
    for exchange_id in sorted(expected, reverse=True):
        assert filled.exchange(exchange_id) == expected[exchange_id]


def test_little_is_held_while_much_is_read(
    filled: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = list(filled.exchanges("run_a"))
    monkeypatch.setattr("proxy.stores.blob_reader._HELD", 1)
    monkeypatch.setattr("proxy.stores.blob_reader._STREAMS", 1)
    assert list(filled.exchanges("run_a")) == expected
    assert filled.verify() == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM blobs WHERE run = 1", "piece [0-9]+ is missing"),
        ("DELETE FROM blobs WHERE id = (SELECT max(after) FROM blobs WHERE run = 1)", "is missing"),
        ("UPDATE blobs SET data = x'00' WHERE run = 1", "cannot be read"),
        ("UPDATE blobs SET sizes = x'4201' WHERE run = 1", "and says"),
        ("UPDATE blobs SET sizes = x'21' WHERE run = 1", "no width"),
        ("UPDATE blobs SET data = x'' WHERE run = 1", "has 0 bytes and says"),
        ("UPDATE blobs SET data = 'text' WHERE run = 1", "cannot be read"),
    ],
)
def test_damage_is_said(filled: SqliteStore, statement: str, said: str) -> None:
    filled._writer.execute(statement)
    with pytest.raises(Damaged, match=said):
        list(filled.exchanges("run_a"))
    assert filled.verify()
    filled._writer.execute("DELETE FROM blobs")


def test_a_piece_that_no_blob_has(filled: SqliteStore) -> None:
    with filled._readers.one() as connection:
        reader = BlobReader(connection)
        for number in (0, 10_000):
            with pytest.raises(Damaged, match=f"piece {number} is missing"):
                reader.piece(number)
        assert reader.join([]) == b""


def test_a_body_of_another_length_is_not_given_out(filled: SqliteStore) -> None:
    filled._writer.execute("UPDATE exchanges SET request_size = 1")
    with pytest.raises(Damaged, match="other lengths"):
        filled.exchange("ex_run_a_0")


def test_sizes_are_whole_numbers() -> None:
    assert ints.unpack(bytes.fromhex("4201")) == [1]  # what the test above writes
