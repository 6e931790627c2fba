import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.mcp import feeding
from proxy.mcp.feeding import Feed
from proxy.mcp.framing import CLIENT, OVER, SERVER, Passed, messages

# Forks as `dashcam mcp` does: the recording process writes what it was told into a file, at its
# leisure, and the first process may be killed meanwhile.
PROGRAM = """
import os, signal, sys
from proxy.mcp.feeding import Feed
def record(source):
    data = bytearray()
    while piece := os.read(source, 100):
        data += piece
    with open(sys.argv[1], "wb") as file:
        alone, mute = os.getsid(0) == os.getpid(), os.path.samefile("/dev/fd/1", os.devnull)
        file.write(b"%d %d " % (alone, mute))
        file.write(data)
feed = Feed.fork(record)
feed.tell(True, b"asked")
feed.tell(False, b"answered")
if sys.argv[2] == "killed":
    feed._queue.put(None)
    feed._thread.join()  # all of it is in the pipe
    os.kill(os.getpid(), signal.SIGKILL)
feed.finish("exit code 0")
sys.exit(os.path.getsize(sys.argv[1]) > 0)
"""


@pytest.mark.parametrize(("how", "code"), [("finished", 1), ("killed", -9)])
def test_what_was_told_is_recorded(how: str, code: int, tmp_path: Path) -> None:
    path = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), how], capture_output=True, check=False, text=True
    )  # returns when both have let go of stderr
    assert (ended.returncode, ended.stderr) == (code, "")
    session, devnull, data = path.read_bytes().split(b" ", 2)
    assert (session, devnull) == (b"1", b"1")
    found = [(item.what, item.data) for item in messages(bytearray(data))]
    assert found[:2] == [(CLIENT, b"asked"), (SERVER, b"answered")]
    assert found[2:] == ([(OVER, b"exit code 0")] if how == "finished" else [])


def feed_and_source() -> tuple[Feed, int]:
    source, sink = os.pipe()
    feed = Feed(sink, pid=os.getpid())  # no child of ours: there is nothing to wait for
    return feed, source


def test_times_go_up() -> None:
    feed, source = feed_and_source()
    feed._thread.start()
    feed.tell(True, b"a")
    feed.tell(False, b"b")
    feed.finish("over")
    first, second, third = messages(bytearray(os.read(source, 1000)))
    assert first.at <= second.at <= third.at
    assert third == Passed(third.at, OVER, b"over")
    os.close(source)


def test_more_than_can_wait_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "_MAX_WAITING", 1000)
    feed, source = feed_and_source()  # its thread is not started: everything waits
    feed.tell(True, b"x" * 600)
    assert feed.lost is None
    feed.tell(True, b"x" * 600)
    assert feed.lost is not None
    feed.tell(True, b"x")
    assert feed._queue.qsize() == 1
    os.close(source)
    os.close(feed._sink)


def test_a_recording_process_that_has_ended() -> None:
    feed, source = feed_and_source()
    os.close(source)
    feed._thread.start()
    feed.tell(True, b"x")
    feed.finish("over")
    assert feed.lost == "the recording process has ended"
