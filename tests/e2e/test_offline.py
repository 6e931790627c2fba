"""Nothing is contacted in a replay: proven by what the process of Dashcam asks the system for.

The driver runs where there is no route, if the system lets it make such a place (a network
namespace with nothing but loopback), and notes every connection, datagram and look-up of a name.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from proxy.core.model import Run, Snapshot
from proxy.core.recording import dump
from tests.core.recorded import exchange
from tests.upstream.dashcam import ROOT

FILE = "crm.dashcam.jsonl"
HOST = "crm.example.test"

# Tries to get out by whatever leads through Dashcam; prints how each try ended.
AGENT = f"""
import os, socket, ssl, sys, urllib.error, urllib.request
from urllib.parse import urlsplit

def get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError as error:
        return type(error).__name__

def raw(first, then=b""):
    proxy = urlsplit(os.environ["HTTPS_PROXY"])
    with socket.create_connection((proxy.hostname, proxy.port), timeout=20) as plain:
        plain.sendall(first)
        try:
            head = plain.recv(65536)
            if then:
                plain.sendall(then)
                plain.settimeout(0.3)
                plain.recv(65536)
        except OSError:
            pass
        return head.split(b"\\r\\n")[0].decode("latin-1")

context = ssl._create_unverified_context()
print(get("http://{HOST}/orders/1"))
print(get("http://{HOST}/orders/2"))
for url in (
    "https://{HOST}/orders/1",
    "https://api.openai.com/v1/models",
    "http://elsewhere.test/a",
    "http://203.0.113.5/a",
    "https://203.0.113.5/a",
    "http://[2001:db8::1]:8080/a",
    "http://169.254.169.254/latest/meta-data/",
):
    print(get(url), file=sys.stderr)
upgrade = "Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13"
key = "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="
asked = f"Host: elsewhere.test\\r\\n{{upgrade}}\\r\\n{{key}}\\r\\n\\r\\n"
print(raw(f"GET http://elsewhere.test/ws HTTP/1.1\\r\\n{{asked}}".encode()), file=sys.stderr)
for target in ("203.0.113.5:22", "mail.example.test:25", "[2001:db8::1]:5432"):
    line = f"CONNECT {{target}} HTTP/1.1\\r\\nHost: {{target}}\\r\\n\\r\\n".encode()
    print(raw(line, b"SSH-2.0-x\\r\\n"), file=sys.stderr)
    print(raw(line, b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n"), file=sys.stderr)
"""

DRIVER = """
import fcntl, json, socket, struct, sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:  # loopback is down in a new namespace
    try:
        fcntl.ioctl(one, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
    except OSError:
        pass

seen = []
LOCAL = ("127.", "::1", "localhost", "0.0.0.0")

def hook(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        where = args[1]
        host = where[0] if isinstance(where, tuple) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0] or ""
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host and not host.startswith(LOCAL):
        seen.append(f"{event} {host}")

sys.addaudithook(hook)
from proxy.cli import execute

told = {}
for words in json.loads(sys.argv[1]):
    seen.clear()
    code = execute(words)
    told[" ".join(words[: words.index("--")])] = [code, sorted(set(seen))]
print("\\n" + json.dumps(told))
"""

OFFLINE: tuple[tuple[str, ...], ...] = (
    ("replay", FILE),
    ("replay", FILE, "--match", "exact"),
    ("replay", FILE, "--match", "sequence", "--reuse"),
    ("replay", FILE, "--pace", "recorded", "--report", "report.json", "--json"),
    ("replay", FILE, "--no-loopback", "--mode", "none"),
    ("replay", FILE, "--mode", "once"),
    ("replay", FILE, "--live", "tools:search", "--live", "host:nowhere.test", "--live", "llm"),
    ("replay", FILE, "--live", "host:nowhere.test", "--mode", "new"),
    ("replay", FILE, "--live", "host:nowhere.test", "--mode", "verify"),
    ("test", FILE),
    ("test", FILE, "--mode", "once", "--live", "host:elsewhere.test"),
)
UNNAMED: tuple[tuple[str, ...], ...] = (
    ("replay", FILE, "--mode", "new"),
    ("replay", FILE, "--mode", "all"),
    ("replay", FILE, "--mode", "verify"),
    ("replay", "absent.jsonl", "--mode", "once"),
)
NAMED = ("replay", FILE, "--live", f"host:{HOST}")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The exit code of each command line, and what was asked of the network."""
    folder = tmp_path_factory.mktemp("offline")
    calls = [
        exchange(n, answer={"order": n}, method="GET", url=("http", HOST, 80, f"/orders/{n}"))
        for n in (1, 2)
    ]
    snapshot = Snapshot(Run("r1", "crm", "r1", 1.0, 2.0, metadata={"exitCode": 0}), calls)
    (folder / FILE).write_bytes(b"".join(dump(snapshot)))
    agent = ["--", sys.executable, "-c", AGENT]
    words = [[*one, *agent] for one in (*OFFLINE, *UNNAMED, NAMED)]
    command = [*_alone(), sys.executable, "-c", DRIVER, json.dumps(words)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DASHCAM_")}
    env = {**kept, "DASHCAM_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def _alone() -> list[str]:
    """How a command is run without a route to anywhere; nothing, where that is not allowed."""
    words = ["unshare", "--map-root-user", "--net"]
    try:
        allowed = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    return words if allowed else []


@pytest.mark.parametrize("words", OFFLINE, ids=" ".join)
def test_nothing_is_contacted(told: dict[str, Any], words: tuple[str, ...]) -> None:
    code, asked = told[" ".join(words)]
    assert asked == []
    assert code == 2, "what was not recorded is told"


@pytest.mark.parametrize("words", UNNAMED, ids=" ".join)
def test_a_mode_alone_goes_nowhere(told: dict[str, Any], words: tuple[str, ...]) -> None:
    assert told[" ".join(words)] == [2, []]


def test_what_is_named_would_be_contacted(told: dict[str, Any]) -> None:
    _, asked = told[" ".join(NAMED)]
    assert asked
    assert all(HOST in one for one in asked), "and nobody else"
