import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.launch.child import run_child

# Runs a command as `dashcam run` does, in a session of its own, on whatever terminal stdin is.
HELPER = """
import asyncio, fcntl, os, signal, sys, termios
from proxy.launch.child import run_child
for number in (signal.SIGINT, signal.SIGQUIT):  # ignored in what a shell starts in the background
    signal.signal(number, signal.SIG_DFL)
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
code = asyncio.run(run_child(sys.argv[1:], os.environ))
print("code", code, flush=True)
"""
# Counts the interrupts it gets until it is told to end.
COUNTER = """
import signal, sys
both = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)  # none comes between the print and the wait
count = 0
print("ready", flush=True)
while signal.sigwait(both) == signal.SIGINT:
    count += 1
    print("got", count, flush=True)
sys.exit(40 + count)
"""


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """As in a terminal: what a shell starts in the background ignores them, its children too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -TERM $$", 128 + 15),
        ("kill -KILL $$", 128 + 9),
        ("kill -INT $$", 128 + 2),
    ],
)
async def test_ends_as_the_child_ended(script: str, code: int) -> None:
    assert await run_child(["/bin/sh", "-c", script], {}) == code


async def test_child_gets_the_environment_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ["/bin/sh", "-c", 'echo "$HTTPS_PROXY:$HOME" > "$OUT"']
    assert await run_child(argv, {"HTTPS_PROXY": "p", "OUT": str(out)}) == 0
    assert out.read_text() == "p:\n"


async def test_commands_are_looked_up_in_the_childs_path(tmp_path: Path) -> None:
    command = tmp_path / "agent"
    command.write_text("#!/bin/sh\nexit 7\n")
    command.chmod(0o755)
    assert await run_child(["agent"], {"PATH": str(tmp_path)}) == 7


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        (None, 0, (127, "command not found")),
        ("#!/bin/sh\n", 0o644, (126, "permission denied")),
        ("#!/no/such/interpreter\n", 0o755, (126, "its interpreter does not exist")),
        ("exit 0\n", 0o755, (126, "exec format error")),
    ],
)
async def test_a_command_that_cannot_start_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str | None,
    mode: int,
    expected: tuple[int, str],
) -> None:
    command = tmp_path / "agent"
    if text is not None:
        command.write_text(text)
        command.chmod(mode)
    code = await run_child([str(command)], {"PATH": os.defpath})
    line = capsys.readouterr().err
    assert (code, line) == (expected[0], f"dashcam: {command}: {expected[1]}\n")


async def test_signals_are_passed_on_and_given_back(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    script = f"trap 'kill $!; exit 9' TERM; sleep 60 & echo ready > {fifo}; wait"
    child = asyncio.ensure_future(run_child(["/bin/sh", "-c", script], {"PATH": os.defpath}))
    assert await asyncio.to_thread(fifo.read_text) == "ready\n"
    os.kill(os.getpid(), signal.SIGTERM)
    assert await child == 9
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before


async def test_a_signal_that_is_ignored_stays_ignored_in_the_child(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        script = f"kill -HUP $$; echo survived > {tmp_path / 'out'}"
        assert await run_child(["/bin/sh", "-c", script], {}) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (tmp_path / "out").read_text() == "survived\n"


def test_streams_are_our_own() -> None:
    script = "cat; echo err >&2"
    done = subprocess.run(
        [sys.executable, "-c", HELPER, "/bin/sh", "-c", script],
        input="from stdin\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "from stdin\ncode 0\n"
    assert done.stderr == "err\n"


def test_an_interrupt_sent_to_us_alone_reaches_the_child_once() -> None:
    argv = [sys.executable, "-c", HELPER, sys.executable, "-c", COUNTER]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "got 1\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "code 41\n"
    assert process.returncode == 0


def test_ctrl_c_reaches_the_child_once_and_we_survive_it() -> None:
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-c", HELPER, sys.executable, "-c", COUNTER]
    with (
        subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as process,
        os.fdopen(ours, "rb", buffering=0) as terminal,
    ):
        os.close(theirs)
        assert read_line(terminal.fileno()) == "ready"
        for count in (1, 2):
            os.write(terminal.fileno(), b"\x03")
            assert read_line(terminal.fileno()) == f"got {count}"
        process.send_signal(signal.SIGTERM)
        assert read_line(terminal.fileno()) == "code 42"
        assert process.wait(60) == 0  # before its terminal is closed


def read_line(terminal: int) -> str:
    """A line of output; the echo of our own keys is left out."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(terminal, 1)
    return line.decode().replace("^C", "").strip()


async def test_other_files_in_place_of_stdin_and_stdout() -> None:
    source, into = os.pipe()
    out, sink = os.pipe()
    os.write(into, b"hello\n")
    os.close(into)
    assert await run_child(["/bin/cat"], {}, stdin=source, stdout=sink) == 0
    assert os.read(out, 100) == b"hello\n"
    for each in (source, sink, out):
        os.close(each)
