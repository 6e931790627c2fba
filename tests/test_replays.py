from dataclasses import replace
from pathlib import Path

import pytest

from proxy import replays, runtime
from proxy.config import Settings, load
from proxy.core.matching import IgnoreRule
from proxy.core.model import Body, Event, Exchange, Part, RequestHead, ResponseHead, Run
from proxy.core.recording import dump, with_ignore_rules
from proxy.core.replay import Hit, Playback
from proxy.core.replay.asks import Ask
from proxy.errors import RecordingNotFound
from proxy.stores._api import AddExchange, OpenRun


def settings(tmp_path: Path) -> Settings:
    return load({"store": f"sqlite:///{tmp_path}/r.db"}, {}, None)


@pytest.mark.parametrize("as_file", [False, True])
async def test_the_ignore_rules_of_a_recording_hold(tmp_path: Path, as_file: bool) -> None:
    made = await runtime.start(settings(tmp_path))
    rule = IgnoreRule("query", "page")
    run = with_ignore_rules(Run("r1", "a", "r1", 1.0), [rule])
    head = RequestHead("GET", "https", "a.test", 443, "/x?page=1")
    exchange = Exchange("ex_1", "r1", 1, "forward", 1.0, head, response=ResponseHead(200))
    made.store.write([OpenRun(run), AddExchange(exchange, Event("r1", "http", "x", 1.0))])
    ref = "r1"
    if as_file:
        ref = str(tmp_path / "r1.dashcam.jsonl")
        Path(ref).write_bytes(b"".join(dump(made.store.snapshot("r1"))))  # noqa: ASYNC240 - a test
    found = replays.fixtures(made, ref)
    assert found.rules == (rule,)
    answer = Playback(found).decide(replace(head, target="/x?page=2"), b"")
    assert isinstance(answer, Hit)
    await made.stop()


async def test_fixtures_come_from_the_store_or_are_not_there(tmp_path: Path) -> None:
    made = await runtime.start(settings(tmp_path))
    head = RequestHead("GET", "https", "a.test", 443, "/orders/1")
    exchange = Exchange("ex_1", "r1", 1, "forward", 1.0, head)
    made.store.write(
        [OpenRun(Run("r1", "a", "r1", 1.0)), AddExchange(exchange, Event("r1", "http", "x", 1.0))]
    )
    found = replays.fixtures(made, "r1")
    assert len(found) == 1
    assert found.all[0].step == "GET a.test/orders/{id}"
    with pytest.raises(RecordingNotFound):
        replays.fixtures(made, "nobody")
    await made.stop()


async def test_what_a_stdio_server_began_is_no_fixture(tmp_path: Path) -> None:
    made = await runtime.start(settings(tmp_path))
    writes: list[OpenRun | AddExchange] = [OpenRun(Run("r1", "a", "r1", 1.0))]
    answer = Body(b"ok\n", (Part(9, 3),))
    sent = {
        "/": b'{"id":1,"method":"tools/call"}\n',
        "/client": b'{"id":0,"method":"roots/list"}\n',
    }
    for number, (target, line) in enumerate(sent.items(), 1):
        head = RequestHead("POST", "mcp+stdio", "shop", 0, target, "stdio")
        said = (head, Body(line), ResponseHead(200), answer)
        one = Exchange(f"x{number}", "r1", number, "mcp", 1.0, *said)
        writes.append(AddExchange(one, Event("r1", "http", "x", 1.0)))
    made.store.write(writes)
    found = replays.fixtures(made, "r1")
    assert [one.head.target for one in found.all] == ["/"]
    assert found.asks == {"x1": (Ask(0, sent["/client"]),)}  # it is asked again in that call
    await made.stop()
