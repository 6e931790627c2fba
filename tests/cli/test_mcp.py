import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from proxy.cli import execute
from proxy.cli._common import Cli
from proxy.cli.mcp import _enforced
from proxy.core.model import End, Exchange
from proxy.stores import open_store

PING = b'{"jsonrpc":"2.0","id":7,"method":"ping"}\n'
# Answers one line in two pieces, complains, and dies in the middle of the second one.
SERVER = r"""read line; printf '{"jsonrpc":"2.0",'; echo 'hm \303\274' >&2
printf '"id":7,"result":{}}\n'; read line; exit 3"""


class Done(NamedTuple):
    """How it ended, and what it said."""

    code: int
    out: bytes
    err: bytes


def run_mcp(folder: Path, *arguments: str, sent: bytes, stay: bool = True) -> Done:
    """Sends lines; a client that stays leaves its server's stdin open."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("DASHCAM_")}
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", "mcp", *arguments],
        cwd=folder,
        env=kept,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stderr  # noqa: PT018 - one matter
        process.stdin.write(sent)
        process.stdin.flush()
        if not stay:
            process.stdin.close()
        out = process.stdout.read()
        err = process.stderr.read()  # ends when the recording process has let go of it
        return Done(process.wait(), out, err)


def recorded(folder: Path) -> tuple[Any, list[Exchange]]:
    store = open_store(f"sqlite:///{folder}/recordings/dashcam.db")
    try:
        run = store.find_run("last")
        return run, list(store.exchanges(run.id))
    finally:
        store.close()


def test_a_server_is_recorded_and_dies(tmp_path: Path) -> None:
    other = PING.replace(b"7", b"8")
    done = run_mcp(tmp_path, "--name", "my server", "--", "sh", "-c", SERVER, sent=PING + other)
    assert done.code == 3
    assert done.out == b'{"jsonrpc":"2.0","id":7,"result":{}}\n'
    assert done.err.startswith("hm ü\n".encode())
    run, (first, second) = recorded(tmp_path)
    assert (run.label, run.ended_at is None) == ("mcp my-server", False)
    assert (first.request.url, first.request_body.data) == ("mcp+stdio://my-server/", PING)
    assert (first.end, first.response_body.data) == (End.COMPLETE, done.out)
    assert (first.via, first.lane, first.request.headers) == ("mcp", "stdio", ())
    assert (second.end, second.response) == (End.UPSTREAM_TRUNCATED, None)
    assert second.error == "the server ended with exit code 3"

    again = run_mcp(tmp_path, "--replay", "last", sent=PING.replace(b"7", b'"x"'), stay=False)
    assert again.out == b'{"jsonrpc":"2.0","id":"x","result":{}}\n'
    assert again.code == 0


def test_a_signal_reaches_the_server(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    command = [sys.executable, "-m", "proxy", "mcp", "--", "sh", "-c", script]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"bye\n"
        assert process.wait() == 5


def test_a_server_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["mcp"]) == 2
    assert "dashcam mcp -- SERVER CMD" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "enforced"),
    [
        (None, False),
        ('label = "x"\n', False),
        ('[schemas]\nenforce = ["mcp:kb/*"]\n', False),
        ('[schemas]\nenforce = ["mcp:crm/*"]\n', True),
    ],
)
def test_a_server_is_guarded_where_its_tools_are_under_enforced_schemas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str | None, enforced: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if file is not None:
        (tmp_path / "dashcam.toml").write_text(file)
    assert (_enforced(Cli(None, None, json=False), "crm") is not None) is enforced
