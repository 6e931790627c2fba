import os
import threading
from collections.abc import Sequence
from functools import partial

import pytest

from proxy.core.model import End, Exchange
from proxy.errors import DashcamError
from proxy.mcp.framing import CLIENT, OVER, SERVER, Passed, message
from proxy.mcp.pairing import Pairing
from proxy.mcp.recording import record

ASKED = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
ANSWERED = b'{"jsonrpc":"2.0","id":1,"result":{}}\n'


class Kept:
    """A sink that keeps; `broken` says in which act it fails."""

    def __init__(self, broken: str = "") -> None:
        self.exchanges: list[Exchange] = []
        self.closed = False
        self._broken = broken

    async def open(self) -> None:
        self._act("open")

    async def add(self, exchanges: Sequence[Exchange]) -> None:
        self._act("add")
        self.exchanges += exchanges

    async def close(self) -> None:
        self.closed = True

    def _act(self, name: str) -> None:
        if name == self._broken:
            raise DashcamError("no Dashcam answers")


def _given(sink: Kept) -> Kept:
    return sink


def recorded(items: Sequence[Passed], *sinks: Kept) -> None:
    source, sink = os.pipe()
    data = b"".join(map(message, items))

    def write() -> None:
        for at in range(0, len(data), 7):
            os.write(sink, data[at : at + 7])
        os.close(sink)

    writing = threading.Thread(target=write)
    writing.start()
    record(source, Pairing("shop", "r", 0.0), [partial(_given, one) for one in sinks])
    writing.join()
    os.close(source)


def test_lines_become_exchanges_however_they_were_read() -> None:
    kept = Kept()
    recorded(
        [
            Passed(1, CLIENT, ASKED[:9]),
            Passed(2, CLIENT, ASKED[9:]),
            Passed(3, SERVER, ANSWERED + ASKED[:4]),
            Passed(4, SERVER, ASKED[4:]),
            Passed(5, CLIENT, ANSWERED),
            Passed(6, OVER, b"exit code 0"),
        ],
        kept,
    )
    assert [(one.request.target, one.ended_us) for one in kept.exchanges] == [
        ("/", 1),
        ("/client", 1),
    ]
    assert kept.closed


@pytest.mark.parametrize(
    ("items", "end", "error"),
    [
        ([Passed(2, OVER, b"exit code 3")], End.UPSTREAM_TRUNCATED, "exit code 3"),
        ([Passed(2, SERVER, b"")], End.UPSTREAM_TRUNCATED, "dashcam mcp was killed"),
        ([Passed(2, CLIENT, b""), Passed(3, OVER, b"exit code 0")], End.CLIENT_GONE, "exit code 0"),
    ],
)
def test_what_is_pending_at_the_end(items: list[Passed], end: End, error: str) -> None:
    kept = Kept()
    recorded([Passed(1, CLIENT, ASKED), *items], kept)
    assert [(one.end, one.error) for one in kept.exchanges] == [(end, error)]


def test_a_last_line_without_an_end_is_kept() -> None:
    kept = Kept()
    recorded([Passed(1, CLIENT, ASKED), Passed(2, SERVER, ANSWERED[:-1])], kept)
    assert kept.exchanges[0].response_body.data == ANSWERED[:-1]


@pytest.mark.parametrize("broken", ["open", "add"])
def test_the_next_sink_takes_over(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Kept(broken), Kept()
    recorded([Passed(1, CLIENT, ASKED), Passed(2, SERVER, ANSWERED)], first, second)
    assert (len(first.exchanges), len(second.exchanges)) == (0, 1)
    assert "no Dashcam answers; it is recorded in the store" in capsys.readouterr().err


def test_no_sink_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    recorded([Passed(1, CLIENT, ASKED), Passed(2, SERVER, ANSWERED)], Kept("add"))
    assert capsys.readouterr().err == "dashcam: shop is not recorded: no Dashcam answers\n"


def test_nothing_that_passed_opens_nothing() -> None:
    kept = Kept("open")
    recorded([Passed(1, OVER, b"exit code 1")], kept)
    assert not kept.closed
