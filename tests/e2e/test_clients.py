"""Real clients, unchanged: recorded through HTTPS_PROXY, then replayed with no upstream at all.

Each client prints what it saw: bytes, chunk boundaries, exceptions. In replay it must print the
same, byte for byte.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.upstream.dashcam import TIMEOUT, Dashcam
from tests.upstream.server import Upstream

CLIENTS = Path(__file__).parent / "clients"
OPENAI_NPM = "openai@7.57.0"


class Client(NamedTuple):
    """A client program; `cases` is how many lines it prints when it gets to its end."""

    name: str
    argv: tuple[str, ...]
    cases: int


def python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.e2e.clients.{module}", *arguments)


PYTHON_CLIENTS = [
    Client("openai", python("openai_sdk"), 18),
    Client("anthropic", python("anthropic_sdk"), 14),
    Client("httpx h1", python("httpx_client", "httpx", "h1"), 28),
    Client("httpx h2", python("httpx_client", "httpx", "h2"), 28),
    Client("httpx2", python("httpx_client", "httpx2", "h1"), 28),
    Client("requests", python("requests_client"), 26),
    Client("aiohttp", python("aiohttp_client"), 26),
    Client("raw socket", python("raw_socket"), 22),
    Client("curl", python("curl"), 26),
]
NODE_CLIENTS = [
    Client("node fetch", ("node", str(CLIENTS / "node_fetch.mjs")), 16),
    Client("node openai", ("node", str(CLIENTS / "node_openai.mjs")), 7),
]


@pytest.mark.parametrize("client", PYTHON_CLIENTS, ids=[client.name for client in PYTHON_CLIENTS])
def test_replay_shows_a_client_what_it_saw_live(
    client: Client, dashcam: Dashcam, upstream: Upstream
) -> None:
    _record_and_replay(client, dashcam, upstream)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed here")
@pytest.mark.parametrize("client", NODE_CLIENTS, ids=[client.name for client in NODE_CLIENTS])
def test_replay_shows_a_node_client_what_it_saw_live(
    client: Client, dashcam: Dashcam, upstream: Upstream, node_packages: Path
) -> None:
    dashcam.env["NODE_PACKAGES"] = str(node_packages)
    _record_and_replay(client, dashcam, upstream)


def _record_and_replay(client: Client, dashcam: Dashcam, upstream: Upstream) -> None:
    live = dashcam("run", "--id", "live", "--", *client.argv)
    assert len(live.out.splitlines()) == client.cases, live.out
    asked = len(upstream.world.seen)
    assert asked >= client.cases, "some calls went past the upstream"
    assert len(dashcam.calls("live")) == asked
    upstream.stop()
    replay = dashcam("replay", "live", "--", *client.argv)
    for before, after in zip(live.out.splitlines(), replay.out.splitlines(), strict=True):
        assert after == before
    assert len(upstream.world.seen) == asked


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
