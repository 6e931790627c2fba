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


def lines(out: str) -> dict[str, list[Any]]:
    """What the client said, by its first word."""
    found: dict[str, list[Any]] = {}
    for line in out.splitlines():
        word, _, value = line.partition(" ")
        found.setdefault(word, []).append(json.loads(value))
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


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_http(
    mode: str, dashcam: Dashcam, server_url: tuple[str, subprocess.Popen[bytes]]
) -> None:
    url, server = server_url
    live = dashcam("run", "--id", "live", "--", *CLIENT, mode, url)
    seen = lines(live.out)
    assert [add["structured_content"] for add in seen["add"]] == [{"result": 41}, {"result": 42}]

    where = url.removeprefix("http://").removesuffix("/mcp")
    calls = {call["name"]: call for call in dashcam.calls("live")}
    tools = {name: call for name, call in calls.items() if call["kind"] == "tool_call"}
    assert tools.keys() == {f"mcp:{where}/{tool}" for tool in ("add", "slow", "broken")}
    add = tools[f"mcp:{where}/add"]["call"]
    assert add["input"] == {"a": 2, "b": 40}
    assert add["output"]["structuredContent"] == {"result": 42}
    assert tools[f"mcp:{where}/broken"]["call"]["error"]["where"] == "tool"
    failed = {name for name, call in calls.items() if call["error"]}
    assert failed == {f"mcp:{where}/broken", f"mcp:{where}/resources/read"}
    assert calls[f"mcp:{where}/tools/list"]["call"]["tools"] == ["add", "slow", "broken", "die"]

    server.terminate()
    server.wait(TIMEOUT)
    replayed = dashcam("replay", "live", "--", *CLIENT, mode, url)
    assert lines(replayed.out) == seen


def over_stdio(*options: str) -> tuple[str, ...]:
    """A server's command as an MCP client's configuration has it, wrapped."""
    return (sys.executable, "-m", "proxy", "mcp", *options, "--", *SERVER_FILE)


def test_over_stdio(dashcam: Dashcam) -> None:
    live = dashcam("run", "--id", "live", "--", *CLIENT, "legacy", *over_stdio("--name", "shop"))
    seen = lines(live.out)
    assert [add["structured_content"] for add in seen["add"]] == [{"result": 41}, {"result": 42}]
    assert seen["progress"] == [[0.0, 1.0]]
    assert "shop is up" in live.err

    calls = [call for call in dashcam.calls("live") if call["url"].startswith("mcp+stdio:")]
    tools = [call["name"] for call in calls if call["kind"] == "tool_call"]
    assert tools == ["mcp:shop/add", "mcp:shop/add", "mcp:shop/slow", "mcp:shop/broken"]
    assert "mcp:shop/notifications/initialized" in {call["name"] for call in calls}
    assert {call["url"] for call in calls} == {"mcp+stdio://shop/"}

    replay = dashcam("replay", "live", "--", *CLIENT, "legacy", *over_stdio("--name", "shop"))
    assert lines(replay.out) == seen
    assert "shop is up" not in replay.err
    assert f"{len(calls)} served · clean" in replay.err
