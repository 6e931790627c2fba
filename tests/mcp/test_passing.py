import os
import select
import sys
import threading

import pytest

from proxy.mcp.passing import Ended, pass_through

# Sends each line back, reversed.
PROGRAM = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line[::-1])
    sys.stdout.buffer.flush()
sys.exit(7)
"""
ECHO = [sys.executable, "-c", PROGRAM]


class Client:
    """The other side of stdin and stdout."""

    def __init__(self) -> None:
        self.theirs_in, self.stdin = os.pipe()
        self.stdout, self.theirs_out = os.pipe()
        self.told: list[tuple[bool, bytes]] = []

    def tell(self, from_client: bool, data: bytes) -> None:
        self.told.append((from_client, data))

    def said(self, *, by_client: bool) -> bytes:
        return b"".join(data for from_client, data in self.told if from_client is by_client)

    def run(self, argv: list[str]) -> Ended:
        """In this thread: the child watcher needs signals."""
        return pass_through(
            argv, dict(os.environ), self.tell, stdin=self.theirs_in, stdout=self.theirs_out
        )


def test_each_line_passes_before_the_next_one_is_sent() -> None:
    client = Client()
    heard: list[bytes] = []

    def talk() -> None:
        for line in (b"a\xe2\x80\xa8b\r\n", b"\xff\x00\n"):
            os.write(client.stdin, line)
            heard.append(os.read(client.stdout, 100))  # it waits for nothing else
        os.close(client.stdin)

    thread = threading.Thread(target=talk)
    thread.start()
    ended = client.run(ECHO)
    thread.join()
    assert (ended.code, ended.how) == (7, "exit code 7")
    assert heard == [b"\n\rb\xa8\x80\xe2a", b"\n\x00\xff"]
    assert client.said(by_client=True) == b"a\xe2\x80\xa8b\r\n\xff\x00\n"
    assert client.said(by_client=False) == b"".join(heard)
    assert (True, b"") in client.told


def test_what_passes_is_told_before_anybody_can_answer_it() -> None:
    client = Client()
    there: list[bool] = []

    def tell(from_client: bool, data: bytes) -> None:
        if data:
            there.append(bool(select.select([client.stdout], [], [], 0)[0]))

    argv = ["echo", "hi"]
    pass_through(argv, dict(os.environ), tell, stdin=client.theirs_in, stdout=client.theirs_out)
    assert os.read(client.stdout, 100) == b"hi\n"
    assert there == [False]


def test_a_large_message_passes_whole() -> None:
    client = Client()
    size = 3_000_000
    heard = bytearray()

    def read() -> None:
        while len(heard) < size:
            heard.extend(os.read(client.stdout, 1 << 16))

    thread = threading.Thread(target=read)
    thread.start()
    ended = client.run(["sh", "-c", f"head -c {size} /dev/zero"])
    thread.join()
    assert ended.code == 0
    assert bytes(heard) == bytes(size)
    assert len(client.said(by_client=False)) == size


def test_what_is_sent_to_a_dead_server_is_told() -> None:
    client = Client()
    os.write(client.stdin, b"never read\n")
    assert client.run(["sh", "-c", "exit 3"]).code == 3
    assert client.said(by_client=True) == b"never read\n"


def test_a_client_that_hears_nothing_any_more_ends_its_server() -> None:
    client = Client()
    os.close(client.stdout)
    assert client.run(["sh", "-c", "while echo x; do :; done 2>&-"]).code != 0


@pytest.mark.parametrize(("argv", "code"), [(["/no/such/server"], 127), (["/"], 126)])
def test_a_server_that_cannot_be_started(
    argv: list[str], code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert Client().run(argv).code == code
    assert "dashcam: " in capfd.readouterr().err


def test_a_signal_in_words() -> None:
    assert Ended(128 + 9).how == "signal 9"
