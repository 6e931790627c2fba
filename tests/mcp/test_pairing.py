from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.model import End, Exchange
from proxy.core.wire import decode_call
from proxy.core.wire.mcp import TOO_LATE
from proxy.mcp.pairing import Lines, Pairing


def request(id_: Any, method: str = "tools/call", **params: Any) -> bytes:
    return line({"id": id_, "method": method, "params": params})


def line(message: Any) -> bytes:
    if isinstance(message, dict):
        message = {"jsonrpc": "2.0", **message}
    return orjson.dumps(message) + b"\n"


class Connection:
    """Feeds a pairing, one line a millisecond."""

    def __init__(self) -> None:
        self.pairing = Pairing("shop", "run_1", 1000.0)
        self.at = 0
        self.done: list[Exchange] = []

    def client(self, data: bytes) -> list[Exchange]:
        return self._line(data, from_client=True)

    def server(self, data: bytes) -> list[Exchange]:
        return self._line(data, from_client=False)

    def ended(self, *, by_client: bool = False) -> list[Exchange]:
        found = self.pairing.ended(self.at, "exit code 3", by_client=by_client)
        self.done += found
        return found

    def _line(self, data: bytes, *, from_client: bool) -> list[Exchange]:
        self.at += 1000
        found = self.pairing.line(self.at, from_client=from_client, data=data)
        self.done += found
        return found


def test_a_request_with_its_response() -> None:
    connection = Connection()
    asked, answered = request(1, name="add"), line({"id": 1, "result": {"content": []}})
    assert connection.client(asked) == []
    (one,) = connection.server(answered)
    assert one.request.url == "mcp+stdio://shop/"
    assert (one.run_id, one.via, one.lane, one.end) == ("run_1", "mcp", "stdio", End.COMPLETE)
    assert (one.request_body.data, one.response_body.data) == (asked, answered)
    assert (one.started_at, one.first_byte_us, one.ended_us) == (1000.001, 1000, 1000)
    call = decode_call(one, asked, answered)
    assert (call.kind, call.step, call.streamed) == ("tool_call", "mcp:shop/add", False)


def test_answers_in_another_order_and_ids_of_both_sides() -> None:
    connection = Connection()
    connection.client(request(1, name="a"))
    connection.client(request("1", name="b"))
    connection.server(request(1, "sampling/createMessage"))
    (b,) = connection.server(line({"id": "1", "result": {"b": 1}}))
    (sampled,) = connection.client(line({"id": 1, "result": {"s": 1}}))
    (a,) = connection.server(line({"id": 1, "result": {"a": 1}}))
    assert b'"b"' in b.request_body.data
    assert b'"a"' in a.request_body.data
    assert sampled.request.target == "/client"
    assert b'"s"' in sampled.response_body.data


def test_progress_goes_with_its_request() -> None:
    connection = Connection()
    connection.client(request(1, name="a", _meta={"progressToken": "t"}))
    connection.client(request(2, name="b"))
    progress = line({"method": "notifications/progress", "params": {"progressToken": "t"}})
    assert connection.server(progress) == []
    (told,) = connection.server(line({"method": "notifications/message"}))
    assert (told.request.target, told.response and told.response.status) == ("/client", 202)
    answer = line({"id": 1, "result": {}})
    (one,) = connection.server(answer)
    assert one.response_body.data == progress + answer
    assert [part.at_us for part in one.response_body.parts] == [2000, 4000]
    assert one.first_byte_us == 2000


def test_what_is_said_during_the_only_request_goes_with_it() -> None:
    connection = Connection()
    connection.client(request(1, name="a"))
    said = line({"method": "notifications/message"})
    assert connection.server(said) == []
    (one,) = connection.server(line({"id": 1, "result": {}}))
    assert one.response_body.data.startswith(said)


def test_notifications_of_the_client() -> None:
    (one,) = Connection().client(line({"method": "notifications/initialized"}))
    assert (one.request.target, one.response and one.response.status) == ("/", 202)
    call = decode_call(one, one.request_body.data, b"")
    assert (call.error, call.step) == (None, "mcp:shop/notifications/initialized")


def test_a_batch_is_one_exchange() -> None:
    connection = Connection()
    first = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    connection.client(line([first, {**first, "id": 2}]))
    assert connection.server(line({"id": 2, "result": {}})) == []
    (one,) = connection.server(line({"id": 1, "result": {}}))
    assert one.response_body.data.count(b"\n") == 2


def test_the_server_dies() -> None:
    connection = Connection()
    connection.client(request(1, name="a", _meta={"progressToken": 1}))
    connection.client(request(2, name="b"))
    connection.server(line({"method": "notifications/progress", "params": {"progressToken": 1}}))
    first, second = connection.ended()
    assert (first.end, first.error) == (End.UPSTREAM_TRUNCATED, "exit code 3")
    assert first.response is not None
    assert second.response is None
    error = decode_call(second, second.request_body.data, b"").error
    assert error is not None
    assert error.where == "transport"
    assert connection.ended() == []


def test_the_client_leaves_or_cancels() -> None:
    connection = Connection()
    connection.client(request(1, name="a"))
    connection.client(line({"method": "notifications/cancelled", "params": {"requestId": 1}}))
    (cancelled,) = connection.ended()
    assert (cancelled.end, cancelled.error) == (End.CLIENT_GONE, "the client cancelled it")
    connection.client(request(2, name="a"))
    assert connection.ended(by_client=True)[0].end is End.CLIENT_GONE


def test_an_answer_to_what_was_cancelled_says_so() -> None:
    connection = Connection()
    connection.client(request(1, name="a"))
    connection.client(request(2, name="a"))
    connection.client(line({"method": "notifications/cancelled", "params": {"requestId": 1}}))
    (late,) = connection.server(line({"id": 1, "error": {"code": 0, "message": "cancelled"}}))
    assert (late.end, late.notes) == (End.COMPLETE, (TOO_LATE,))
    (other,) = connection.server(line({"id": 2, "result": {}}))
    assert other.notes == ()


def test_an_id_that_is_used_twice_loses_nothing() -> None:
    connection = Connection()
    connection.client(request(1, name="a"))
    (before,) = connection.client(request(1, name="b"))
    assert b'"a"' in before.request_body.data
    assert before.end is End.CLIENT_GONE


def test_what_is_no_jsonrpc_is_kept() -> None:
    connection = Connection()
    assert connection.server(b"\n") == []
    (one,) = connection.server(b"Listening on stdio\n")
    assert one.request_body.data == b"Listening on stdio\n"
    assert decode_call(one, one.request_body.data, b"").kind == "http"
    (stray,) = connection.server(line({"id": 99, "result": {}}))
    assert b"99" in stray.request_body.data


LINES = st.one_of(
    st.builds(request, st.integers(0, 3), st.sampled_from(("tools/call", "ping"))),
    st.builds(lambda id_: line({"id": id_, "result": {}}), st.integers(0, 3)),
    st.builds(lambda id_: line([{"jsonrpc": "2.0", "id": id_, "result": {}}]), st.integers(0, 3)),
    st.just(line({"method": "notifications/message"})),
    st.binary(min_size=1, max_size=12).map(lambda data: data.replace(b"\n", b"") + b"x\n"),
)


@given(said=st.lists(st.tuples(st.booleans(), LINES), max_size=20))
def test_every_line_is_in_exactly_one_exchange(said: list[tuple[bool, bytes]]) -> None:
    connection = Connection()
    for from_client, data in said:
        if from_client:
            connection.client(data)
        else:
            connection.server(data)
    connection.ended()
    kept = b"".join(one.request_body.data + one.response_body.data for one in connection.done)
    assert sorted(kept.split(b"\n")) == sorted(b"".join(data for _, data in said).split(b"\n"))
    for one in connection.done:
        assert sum(part.size for part in one.response_body.parts) == len(one.response_body.data)
        decode_call(one, one.request_body.data, one.response_body.data)


@given(data=st.binary(max_size=60), size=st.integers(1, 9))
def test_lines_in_any_split(data: bytes, size: int) -> None:
    lines = Lines()
    found = [one for at in range(0, len(data), size) for one in lines.feed(data[at : at + size])]
    rest = lines.close()
    assert b"".join(found + rest) == data
    assert all(one.endswith(b"\n") and one.count(b"\n") == 1 for one in found)
    assert lines.close() == []
