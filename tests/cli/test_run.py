import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.stores import open_store
from tests.cli.conftest import URL, Done

type Dashcam = Callable[..., Done]

# A child that calls an upstream which is not there, and says what it was told about its run.
CHILD = """
import os, sys, urllib.request, urllib.error
try:
    urllib.request.urlopen("http://127.0.0.1:9/customers/17?api_key=topsecret-0123456789")
except urllib.error.HTTPError as error:
    answer = error.read().decode()
assert "refused the connection" in answer, answer
with open("child.txt", "w") as file:
    file.write(os.environ["DASHCAM_RUN"])
sys.exit(int(sys.argv[1]))
"""


def test_a_command_is_recorded_and_its_exit_code_is_the_end(dashcam: Dashcam, folder: Path) -> None:
    done = dashcam(
        "run", "--id", "r1", "--label", "Support", "--group", "plan", "--meta", "ticket=7",
        "--", sys.executable, "-c", CHILD, "3",
    )  # fmt: skip
    assert done.code == 3, done.err
    assert (folder / "child.txt").read_text() == "r1"
    lines = done.err.strip().splitlines()
    assert len(lines) == 3
    assert lines[0] == "dashcam: run r1 · Support"
    assert lines[1].startswith("dashcam: 1 calls, 1 failed · Tool Error: ")
    assert lines[2] == "dashcam: look: dashcam show r1"
    store = open_store(URL, create=False)
    run = store.find_run("r1")
    assert (run.outcome, run.failure_mode, run.metadata["ticket"]) == ("Failed", "Tool Error", "7")
    assert run.metadata["exitCode"] == 3
    (exchange,) = store.exchanges("r1")
    assert (exchange.own.group, exchange.end) == ("plan", "upstream_refused")
    assert [event.kind for event in store.events("r1")] == ["group", "http"]
    store.close()
    for file in (folder / "recordings").rglob("*"):
        assert file.is_dir() or b"topsecret" not in file.read_bytes(), file


# A child that is the provider of a stream, and leaves at its last event as the openai package does.
LEAVES = """
import os, socket, threading, urllib.request
server = socket.create_server(("127.0.0.1", 0))
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":' \\
    b'{"content":"Hi"},"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n'
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n" \\
    b"Transfer-Encoding: chunked\\r\\n\\r\\n"
def provide():
    peer, _ = server.accept()
    peer.recv(65536)
    peer.sendall(HEAD + b"%x\\r\\n%b\\r\\n" % (len(EVENT), EVENT))
    while peer.recv(65536):
        pass
provider = threading.Thread(target=provide, daemon=True)
provider.start()
ask = b'{"model":"m","stream":true,"messages":[]}'
url = "http://127.0.0.1:%d/v1/chat/completions" % server.getsockname()[1]
request = urllib.request.Request(url, ask, {"Content-Type": "application/json"})
answer = urllib.request.urlopen(request)
while answer.readline() != b"data: [DONE]\\n":
    pass
answer.close()
provider.join()  # until it is left, too
"""


def test_who_leaves_at_the_last_event_of_a_stream_has_not_failed(
    dashcam: Dashcam, folder: Path
) -> None:
    done = dashcam("run", "--json", "--id", "r4", "--", sys.executable, "-c", LEAVES)
    assert done.code == 0, done.err
    summary = json.loads(done.err)
    assert (summary["calls"], summary["errors"]) == (1, 0)
    assert summary["outcome"]["status"] == "Completed"
    store = open_store(URL, create=False)
    (exchange,) = store.exchanges("r4")
    store.close()
    assert exchange.end == "client_gone"
    page = folder / "r4.html"
    assert dashcam("export", "r4", "--to", str(page)).code == 0
    assert "1, 0 of them failed" in page.read_text()
    assert '<details class="error">' not in page.read_text()


def test_the_summary_as_json(dashcam: Dashcam) -> None:
    done = dashcam("run", "--json", "--id", "r2", "--", sys.executable, "-c", "pass")
    summary = json.loads(done.err)
    assert (summary["runId"], summary["exitCode"], summary["calls"]) == ("r2", 0, 0)
    assert summary["outcome"]["status"] == "Completed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("run", "--meta", "x", "--", "true"), "KEY=VALUE"), (("run",), "CMD")],
)
def test_wrong_usage(dashcam: Dashcam, arguments: tuple[str, ...], said: str) -> None:
    done = dashcam(*arguments)
    assert done.code == 2
    assert said in done.err


def test_a_dashcam_that_is_not_there_is_one_clear_line(
    dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHCAM_API", "http://dashcam:x@127.0.0.1:9")
    done = dashcam("run", "--", "true")
    assert done.code == 1
    assert "no Dashcam answers at 127.0.0.1:9" in done.err
