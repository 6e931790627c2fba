"""Real clients, unchanged: recorded through HTTPS_PROXY, then replayed with no upstream at all.

Each client prints what it saw: bytes, chunk boundaries, exceptions. In replay it must print the
same, byte for byte.
"""

import os
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from tests.upstream.dashcam import TIMEOUT, Dashcam
from tests.upstream.server import Upstream
from tests.upstream.world import Seen

CLIENTS = Path(__file__).parent / "clients"
OPENAI_NPM = "openai@7.57.0"


class Client(NamedTuple):
    """A client program; `cases` is how many lines it prints when it gets to its end."""

    name: str
    argv: tuple[str, ...]
    cases: int


def python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.e2e.clients.{module}", *arguments)


# Those of a group follow each other in one run.
OPENAI = Client("openai", python("openai_sdk"), 18)
ANTHROPIC = Client("anthropic", python("anthropic_sdk"), 14)
LIBRARIES = (
    Client("httpx h1", python("httpx_client", "httpx", "h1"), 28),
    Client("httpx h2", python("httpx_client", "httpx", "h2"), 28),
    Client("httpx2", python("httpx_client", "httpx2", "h1"), 28),
    Client("requests", python("requests_client"), 26),
    Client("aiohttp", python("aiohttp_client"), 26),
)
TOOLS = (Client("curl", python("curl"), 26),)
NODE = (
    Client("node fetch", ("node", str(CLIENTS / "node_fetch.mjs")), 16),
    Client("node openai", ("node", str(CLIENTS / "node_openai.mjs")), 7),
)


@pytest.mark.xdist_group("the providers' SDKs")  # which take long to import
@pytest.mark.parametrize("client", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
def test_an_sdk_asks_as_without_dashcam_and_sees_in_replay_what_it_saw_live(
    client: Client, dashcam: Dashcam, upstream: Upstream
) -> None:
    tunnel = f"http://run:x@127.0.0.1:{upstream.ports['tunnel']}"
    trust = str(upstream.certificates.file)
    env = {"HTTPS_PROXY": tunnel, "https_proxy": tunnel, "SSL_CERT_FILE": trust}
    with mock.patch.dict(os.environ, dashcam.environment(env), clear=True):
        runpy.run_module(client.argv[-1], run_name="__main__")
    without = _requests(upstream.world.seen)
    upstream.world.tries.clear()
    within = _requests(_record_and_replay([client], dashcam, upstream))
    assert len(without) > 10
    assert within == without


@pytest.mark.parametrize("clients", [LIBRARIES, TOOLS], ids=["HTTP libraries", "tools"])
def test_replay_shows_a_client_what_it_saw_live(
    clients: Sequence[Client], dashcam: Dashcam, upstream: Upstream
) -> None:
    _record_and_replay(clients, dashcam, upstream)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed here")
def test_replay_shows_a_node_client_what_it_saw_live(
    dashcam: Dashcam, upstream: Upstream, node_packages: Path
) -> None:
    dashcam.env["NODE_PACKAGES"] = str(node_packages)
    _record_and_replay(NODE, dashcam, upstream)


def _requests(seen: Sequence[Seen]) -> set[tuple[str, bytes]]:
    """Requests as they arrived, every byte; in no order, for some are made side by side."""
    return {(one.target, one.received.data) for one in seen}


def _record_and_replay(
    clients: Sequence[Client], dashcam: Dashcam, upstream: Upstream
) -> Sequence[Seen]:
    """Returns what the upstream was asked, which is only in the first of both."""
    earlier = len(upstream.world.seen)
    script = dashcam.folder / "clients.sh"
    each = (f"echo '== {client.name}'\n{shlex.join(client.argv)} || exit" for client in clients)
    script.write_text("\n".join(each), "utf-8")
    live = dashcam("run", "--id", "live", "--", "sh", str(script))
    assert {name: len(lines) for name, lines in _parts(live.out).items()} == {
        client.name: client.cases for client in clients
    }, live.out
    asked = upstream.world.seen[earlier:]
    # A kept connection that dies unused is tried once more: the upstream has seen that call twice.
    recorded = len(dashcam.calls("live"))
    assert sum(client.cases for client in clients) <= recorded <= len(asked)
    upstream.stop()
    replay = dashcam("replay", "live", "--", "sh", str(script))
    after = _parts(replay.out)
    for name, lines in _parts(live.out).items():
        for before, now in zip(lines, after[name], strict=True):
            assert now == before, name
    assert upstream.world.seen[earlier:] == asked
    return asked


def _parts(output: str) -> dict[str, list[str]]:
    """The lines that each client printed."""
    parts = (part.splitlines() for part in output.split("== ")[1:])
    return {name: lines for name, *lines in parts}


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """A folder with the npm package under test, installed once and kept for later sessions."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "dashcam-tests" / OPENAI_NPM
    if not (folder / "node_modules" / "openai" / "package.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", OPENAI_NPM],
            cwd=folder,
            check=True,
            timeout=TIMEOUT,
            capture_output=True,
        )
    return folder
