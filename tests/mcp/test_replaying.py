import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy import config
from proxy.core.model import Exchange, Run, Snapshot
from proxy.core.recording import dump
from proxy.core.wire.mcp import TOO_LATE
from proxy.errors import ConfigError, DashcamError, StoreError
from proxy.mcp.asking_back import AskingBack
from proxy.mcp.pairing import Pairing
from proxy.mcp.replaying import Server, ServerDied, make_server, relay, serve


def line(message: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", **message}) + b"\n"


def asked(id_: Any, method: str, **params: Any) -> bytes:
    return line({"id": id_, "method": method, "params": params})


def answered(id_: Any, **result: Any) -> bytes:
    return line({"id": id_, "result": result})


def recorded(*pairs: tuple[bytes, bytes], server: str = "shop") -> list[Exchange]:
    """Requests with what the server said to each; no answer: it died."""
    pairing = Pairing(server, "run_1", 0.0)
    found: list[Exchange] = []
    for sent, got in pairs:
        found += pairing.line(1, from_client=True, data=sent)
        for piece in got.splitlines(keepends=True):
            found += pairing.line(2, from_client=False, data=piece)
        if not got:
            found += pairing.ended(3, "the server ended with exit code 3", by_client=False)
    for seq, one in enumerate(found, 1):
        one.seq = seq
    return found


def saved(folder: Path, exchanges: list[Exchange]) -> str:
    path = folder / "run.dashcam.jsonl"
    snapshot = Snapshot(Run("run_1", "mcp", "run_1", 0.0), exchanges)
    path.write_bytes(b"".join(dump(snapshot)))
    return str(path)


def made(
    folder: Path, exchanges: list[Exchange], name: str | None = None, *, named: bool = False
) -> Server:
    return make_server(config.load({}, {}), saved(folder, exchanges), name, named=named)


ADD = (asked(5, "tools/call", name="add", arguments={"a": 1}), answered(5, sum=41))
ADD_2 = (asked(6, "tools/call", name="add", arguments={"a": 2}), answered(6, sum=42))
INIT = (asked(0, "initialize", clientInfo={"name": "a"}), answered(0, protocolVersion="2025-06-18"))
LIST = (asked(1, "tools/list"), answered(1, tools=[{"name": "add"}], nextCursor="p2"))
LIST_2 = (asked(2, "tools/list", cursor="p2"), answered(2, tools=[{"name": "sub"}]))


def test_calls_are_answered_once_by_their_arguments(tmp_path: Path) -> None:
    server = made(tmp_path, recorded(ADD, ADD_2))
    second = server.answer(asked("x", "tools/call", name="add", arguments={"a": 2}))
    assert orjson.loads(second) == {"jsonrpc": "2.0", "id": "x", "result": {"sum": 42}}
    first = server.answer(asked("y", "tools/call", arguments={"a": 1}, name="add"))
    assert orjson.loads(first)["id"] == "y"
    again = orjson.loads(server.answer(asked(9, "tools/call", name="add", arguments={"a": 1})))
    assert again["id"] == 9
    assert "has been served" in again["error"]["message"]
    assert (server.served, server.missed) == (2, 1)


def test_a_miss_says_what_is_nearest(tmp_path: Path) -> None:
    server = made(tmp_path, recorded(ADD))
    missed = server.answer(asked(7, "tools/call", name="add", arguments={"a": 3}))
    error = orjson.loads(missed)["error"]
    assert error["code"] == -32603
    assert "arguments.a" in error["message"]
    assert error["data"]["nearest"][0]["seq"] == 1


def test_the_handshake_is_answered_to_any_client_and_again(tmp_path: Path) -> None:
    server = made(tmp_path, recorded(INIT, LIST, LIST_2))
    for id_ in (10, 11):
        init = server.answer(asked(id_, "initialize", clientInfo={"name": "another"}))
        assert orjson.loads(init) == orjson.loads(answered(id_, protocolVersion="2025-06-18"))
        first = orjson.loads(server.answer(asked(id_, "tools/list")))
        assert first["result"]["tools"] == [{"name": "add"}]
        second = orjson.loads(server.answer(asked(id_, "tools/list", cursor="p2")))
        assert second["result"]["tools"] == [{"name": "sub"}]
    assert server.missed == 0


def test_what_was_not_recorded_of_the_handshake(tmp_path: Path) -> None:
    server = made(tmp_path, recorded(ADD))
    assert orjson.loads(server.answer(asked(1, "ping"))) == orjson.loads(answered(1))
    discover = orjson.loads(server.answer(asked(1, "server/discover")))
    assert discover["error"]["code"] == -32601
    assert b"error" in server.answer(asked(1, "tools/list"))


def test_nothing_is_said_to_what_asks_nothing(tmp_path: Path) -> None:
    server = made(tmp_path, recorded(ADD))
    for said in (line({"method": "notifications/initialized"}), answered(1), b"\n", b"junk\n"):
        assert server.answer(said) == b""


def test_progress_comes_again_with_the_clients_token(tmp_path: Path) -> None:
    progress = line({"method": "notifications/progress", "params": {"progressToken": 5}})
    meta = {"progressToken": 5}
    sent = asked(5, "tools/call", name="slow", _meta=meta)
    server = made(tmp_path, recorded((sent, progress + answered(5))))
    said = server.answer(asked(8, "tools/call", name="slow", _meta={"progressToken": "t"}))
    first, second = map(orjson.loads, said.splitlines())
    assert first["params"]["progressToken"] == "t"
    assert second["id"] == 8


def test_what_the_server_asked_its_client_is_asked_again(tmp_path: Path) -> None:
    pairing = Pairing("shop", "run_1", 0.0)
    sample = asked(0, "sampling/createMessage", messages=[])
    exchanges = pairing.line(1, from_client=True, data=ADD[0])
    exchanges += pairing.line(2, from_client=False, data=sample)
    exchanges += pairing.line(3, from_client=True, data=answered(0, text="hm"))
    exchanges += pairing.line(4, from_client=False, data=ADD[1])
    server = made(tmp_path, exchanges)
    assert server.answer(asked("x", "tools/call", name="add", arguments={"a": 1})) == sample
    said = server.answer(answered(0, text="another word"))
    assert orjson.loads(said) == {"jsonrpc": "2.0", "id": "x", "result": {"sum": 41}}


def test_what_came_when_it_was_cancelled_does_not_come_before(tmp_path: Path) -> None:
    exchanges = recorded(ADD, ADD_2)
    exchanges[0].notes = (TOO_LATE,)
    server = made(tmp_path, exchanges)
    assert server.answer(ADD[0]) == b""
    assert b"42" in server.answer(ADD_2[0])
    assert (server.served, server.missed) == (2, 0)


def test_a_server_that_died_dies_again(tmp_path: Path) -> None:
    server = made(tmp_path, recorded((ADD[0], b"")))
    with pytest.raises(ServerDied, match="exit code 3"):
        server.answer(asked(1, "tools/call", name="add", arguments={"a": 1}))


def test_which_server(tmp_path: Path) -> None:
    both = recorded(ADD) + recorded(ADD_2, server="kb")
    assert made(tmp_path, recorded(ADD), "another").name == "shop"
    assert made(tmp_path, both, "kb", named=True).name == "kb"
    with pytest.raises(ConfigError, match="no MCP server another") as raised:
        made(tmp_path, both, "another")
    assert raised.value.hint == "name one of them with --name: kb, shop"
    with pytest.raises(ConfigError, match="no MCP server another"):
        made(tmp_path, recorded(ADD), "another", named=True)
    with pytest.raises(ConfigError, match="no call to a stdio MCP server"):
        made(tmp_path, [])


def test_no_such_run(tmp_path: Path) -> None:
    settings = config.load({"store": f"sqlite:///{tmp_path}/none.db"}, {})
    with pytest.raises(StoreError, match="there is no store"):
        make_server(settings, "last", None, named=False)


def test_lines_in_and_out() -> None:
    theirs, ours = os.pipe()
    out, into = os.pipe()
    os.write(ours, b"one\ntw")
    os.write(ours, b"o\nrest")
    os.close(ours)
    serve(lambda said: said[::-1] if said != b"one\n" else b"", stdin=theirs, stdout=into)
    assert os.read(out, 100) == b"\nowttser"


class Api:
    """A Dashcam that replays: it says what it is told to, and keeps what it was asked."""

    def __init__(self, **said: Any) -> None:
        self.said = said
        self.asked: list[Any] = []

    def post(self, path: str, body: Any) -> dict[str, Any]:
        self.asked.append((path, body))
        if not self.said:
            raise DashcamError("no Dashcam answers")
        return self.said


ASKED = asked(4, "tools/call", name="add")
MISSED = b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no call"},"dashcam":{"near":[]}}'


def test_a_replay_that_runs_is_asked() -> None:
    api: Any = Api(body="answer\n", end="complete", error=None)
    assert relay(api, "run_1", "shop", ASKED, AskingBack()) == b"answer\n"
    told = {"runId": "run_1", "server": "shop", "message": ASKED.decode()}
    assert api.asked == [("/answers", told)]


def test_a_replay_that_runs_says_what_the_server_asks() -> None:
    back = AskingBack()
    sample = asked(0, "sampling/createMessage")
    api: Any = Api(body="answer\n", end="complete", error=None, asks=[[0, sample.decode()]])
    assert relay(api, "run_1", "shop", ASKED, back) == sample
    assert relay(api, "run_1", "shop", answered(0), back) == b"answer\n"
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("said", "message", "data"),
    [
        ({"body": MISSED.decode(), "end": "missed"}, "no call", {"near": []}),
        ({"body": "", "end": "refused", "error": "not here"}, "not here", None),
        ({}, "no Dashcam answers", None),
    ],
)
def test_what_the_replay_cannot_answer(said: dict[str, Any], message: str, data: Any) -> None:
    api: Any = Api(**said)
    answer = orjson.loads(relay(api, "run_1", "shop", ASKED, AskingBack()))
    assert (answer["id"], answer["error"]["message"]) == (4, message)
    assert answer["error"].get("data") == data


def test_ends_that_a_replay_has_recorded() -> None:
    gone: Any = Api(body="", end="client_gone", error=None)
    assert relay(gone, "run_1", "shop", ASKED, AskingBack()) == b""
    died: Any = Api(body="half", end="upstream_truncated", error="exit code 3")
    with pytest.raises(ServerDied, match="exit code 3"):
        relay(died, "run_1", "shop", ASKED, AskingBack())


@pytest.mark.parametrize("said", [answered(1), b"\n", b"junk\n"])
def test_what_asks_nothing_is_not_relayed(said: bytes) -> None:
    api: Any = Api()
    assert relay(api, "run_1", "shop", said, AskingBack()) == b""
    assert api.asked == []
