"""The official MCP SDK, client and server, through Dashcam: over HTTP and over stdio."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.dashcam import TIMEOUT, Dashcam, free_ports, wait_for_port

CLIENT = (sys.executable, "-m", "tests.e2e.clients.mcp_client")
SERVER = (sys.executable, "-m", "tests.e2e.clients.mcp_server")
# Its environment is filtered by the SDK: it knows no PYTHONPATH.
SERVER_FILE = (sys.executable, str(Path(__file__).parent / "clients" / "mcp_server.py"), "stdio")


def conversations(out: str) -> list[dict[str, list[Any]]]:
    """What the client said in each, by its first word."""
    found: list[dict[str, list[Any]]] = []
    for line in out.splitlines():
        word, _, value = line.partition(" ")
        if word == "conversation":
            found.append({})
        found[-1].setdefault(word, []).append(json.loads(value))
    return found


@pytest.fixture
def server_url(dashcam: Dashcam, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    (port,) = free_ports(1)
    log = tmp_path / "server.log"
    with (
        log.open("ab") as out,
        subprocess.Popen(
            [*SERVER, str(port)], env=dashcam.environment(), stdout=out, stderr=out
        ) as process,
    ):
        wait_for_port(port, process, log)
        yield f"http://127.0.0.1:{port}/mcp", process
        process.terminate()
        process.wait(TIMEOUT)


def test_every_conversation_is_recorded_and_played_back(
    dashcam: Dashcam, server_url: tuple[str, subprocess.Popen[bytes]]
) -> None:
    url, server = server_url
    wrapped = (sys.executable, "-m", "proxy", "mcp", "--name", "shop", "--", *SERVER_FILE)
    talks = (("auto", url), ("legacy", url), ("legacy", *wrapped))
    command = (*CLIENT, *map(json.dumps, talks))
    live = dashcam("run", "--id", "live", "--", *command)
    seen = conversations(live.out)
    assert len(seen) == len(talks)
    for talk in seen:
        assert [add["structured_content"]["result"] for add in talk["add"]] == [41, 42]
    assert seen[2]["progress"] == [[0.0, 1.0]]
    assert "shop is up" in live.err

    calls = dashcam.calls("live")
    stdio = [call for call in calls if call["url"].startswith("mcp+stdio:")]
    over_http(url, [call for call in calls if call not in stdio])
    over_stdio(stdio)

    server.terminate()
    server.wait(TIMEOUT)
    replay = dashcam("replay", "live", "--", *command)
    assert conversations(replay.out) == seen
    assert "shop is up" not in replay.err
    assert f"{len(calls)} served · clean" in replay.err


def over_http(url: str, recorded: list[dict[str, Any]]) -> None:
    """Two conversations over HTTP, in two versions of the protocol."""
    where = url.removeprefix("http://").removesuffix("/mcp")
    calls = {call["name"]: call for call in recorded}
    tools = [call["name"] for call in recorded if call["kind"] == "tool_call"]
    assert tools == [f"mcp:{where}/{tool}" for tool in ("add", "add", "slow", "broken")] * 2
    add = calls[f"mcp:{where}/add"]["call"]
    assert add["input"] == {"a": 2, "b": 40}
    assert add["output"]["structuredContent"] == {"result": 42}
    assert calls[f"mcp:{where}/broken"]["call"]["error"]["where"] == "tool"
    failed = {call["name"] for call in recorded if call["error"]}
    assert failed == {f"mcp:{where}/broken", f"mcp:{where}/resources/read"}
    assert calls[f"mcp:{where}/tools/list"]["call"]["tools"] == ["add", "slow", "broken", "die"]


def over_stdio(recorded: list[dict[str, Any]]) -> None:
    """One conversation with the server as a child of the client."""
    tools = [call["name"] for call in recorded if call["kind"] == "tool_call"]
    assert tools == ["mcp:shop/add", "mcp:shop/add", "mcp:shop/slow", "mcp:shop/broken"]
    assert "mcp:shop/notifications/initialized" in {call["name"] for call in recorded}
    assert {call["url"] for call in recorded} == {"mcp+stdio://shop/"}


def test_in_a_replay_no_server_is_started_however_busy_dashcam_is(dashcam: Dashcam) -> None:
    """The API does not answer at all here: nobody listens there."""
    told = {
        "DASHCAM_RUN": "r",
        "DASHCAM_API": "http://dashcam:token@127.0.0.1:9",
        "DASHCAM_REPLAYING": "1",
    }
    done = dashcam("mcp", "--", "sh", "-c", "echo started", code=None, **told)
    assert "started" not in done.out
    del told["DASHCAM_REPLAYING"]
    assert "started" in dashcam("mcp", "--", "sh", "-c", "echo started", code=None, **told).out
