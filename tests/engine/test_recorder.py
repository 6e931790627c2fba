import asyncio
from dataclasses import replace

import pytest

from proxy.core.correlation import Peer
from proxy.core.model import Body, End, Own, Part, RequestHead, ResponseHead
from proxy.engine import recorder
from proxy.engine.recorder import Tx

HEAD = RequestHead("POST", "https", "a.test", 443, "/")


def made() -> tuple[Tx, list[Tx]]:
    finished: list[Tx] = []

    def finish(tx: Tx) -> asyncio.Future[bool] | None:
        finished.append(tx)
        return None

    return Tx("run", 1, "forward", "fast", HEAD, Own(), Peer(), finish), finished


def test_bodies_keep_their_pieces_and_times_in_order() -> None:
    tx, _ = made()
    tx.request_data(b"ab")
    tx.request_data(b"c")
    tx.request_end()
    tx.response_head(ResponseHead(200))
    tx.response_data(b"xyz")
    tx.response_trailers = ((b"a", b"b"),)
    tx.frame(from_client=True, opcode=1, data=b"hello")
    tx.finish(End.COMPLETE)
    exchange = tx.build()
    assert exchange.request_body.data == b"abc"
    assert [part.size for part in exchange.request_body.parts] == [2, 1]
    assert exchange.response_body == Body(
        b"xyz", (Part(exchange.response_body.parts[0].at_us, 3),), ((b"a", b"b"),)
    )
    assert exchange.frames[0][1:] == (True, 1, b"hello")
    times = [
        exchange.request_body.parts[0].at_us,
        exchange.request_end_us,
        exchange.first_byte_us,
        exchange.response_body.parts[0].at_us,
        exchange.ended_us,
    ]
    assert times == sorted(times, key=lambda at: at or 0)
    assert None not in times


def test_an_answer_that_was_cut_inside_a_chunk() -> None:
    tx, _ = made()
    tx.response_data(b"whole")
    tx.response_cut(b"", 7)
    tx.finish(End.UPSTREAM_RESET)
    body = tx.build().response_body
    assert (body.data, [part.size for part in body.parts], body.missing) == (b"whole", [5, 0], 7)


def test_only_the_first_end_counts() -> None:
    tx, finished = made()
    tx.finish(End.CLIENT_GONE, "left")
    tx.finish(End.COMPLETE)
    assert finished == [tx]
    assert (tx.exchange.end, tx.exchange.error) == (End.CLIENT_GONE, "left")


def test_nothing_sent_is_an_empty_body() -> None:
    tx, _ = made()
    tx.finish(End.UPSTREAM_REFUSED)
    assert tx.build().response_body == Body()
    assert tx.build().response is None


def test_size_grows_with_what_is_held() -> None:
    tx, _ = made()
    before = tx.size
    tx.response_data(b"x" * 10_000)
    assert tx.size == before + 10_000


def test_a_rewritten_request_is_recorded_as_it_goes_out() -> None:
    tx, _ = made()
    for piece in (b"ab", b"cd"):
        tx.request_data(piece)
    tx.request_end()
    head = replace(tx.exchange.request, target="/other")
    assert not tx.rewritten
    tx.rewrite(head, b"new", "changed: model")
    assert tx.rewritten
    assert tx.request_bytes == b"new"
    exchange = tx.build()
    assert (exchange.request.target, exchange.request_body.data) == ("/other", b"new")
    assert [part.size for part in exchange.request_body.parts] == [3]
    assert exchange.notes == ("changed: model",)
    empty, _ = made()
    empty.rewrite(head, b"", "changed: base URL")
    assert empty.build().request_body == Body()


def test_what_is_too_large_to_be_recorded_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "KEPT_MOST", 10)
    tx, _ = made()
    tx.request_data(b"abc")
    tx.request_end()
    most = 0
    for _ in range(50):
        tx.response_data(b"xyz", b"!")
        most = max(most, tx.size)
    assert most <= 2048 + 10
    assert tx.repeatable
    tx.finish(End.COMPLETE)
    exchange = tx.build()
    assert (exchange.request_body.data, exchange.response_body) == (b"abc", Body())
    assert exchange.notes == ("response body dropped: over 0 MiB",)


@pytest.mark.parametrize("hold", [False, True])
def test_a_large_request_is_kept_only_where_it_decides(
    hold: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "KEPT_MOST", 10)
    tx, _ = made()
    tx.hold = hold
    for _ in range(5):
        tx.request_data(b"abcd")
    assert tx.repeatable is hold
    tx.response_data(b"ok")
    tx.finish(End.COMPLETE)
    exchange = tx.build()
    assert exchange.request_body.data == (b"abcd" * 5 if hold else b"")
    assert exchange.notes[:1] == (
        ("response body dropped: over 0 MiB",) if hold else ("request body dropped: over 0 MiB",)
    )


def test_messages_beyond_what_can_be_recorded_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "KEPT_MOST", 10)
    tx, _ = made()
    for _ in range(9):
        tx.frame(from_client=True, opcode=1, data=b"abcd")
    tx.frame(from_client=False, opcode=8, data=b"\x03\xe8")
    tx.finish(End.COMPLETE)
    exchange = tx.build()
    assert [frame.opcode for frame in exchange.frames] == [1, 1, 8]
    assert exchange.notes == ("7 messages dropped: over 0 MiB",)
