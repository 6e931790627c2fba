import asyncio
from dataclasses import replace

from proxy.core.correlation import Peer
from proxy.core.model import Body, End, Own, Part, RequestHead, ResponseHead
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
