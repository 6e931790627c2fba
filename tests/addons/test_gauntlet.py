"""Malformed and ambiguous requests at every entrance: refused with a status and a reason, or passed
on as what every reader takes for the same; never a traceback, never a hang.

The upstream is h11, a parser that is not ours. With `DASHCAM_GAUNTLET` set 10,000 mutations at
each entrance.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from itertools import batched

import h11
import pytest

from addons.layers import _looks_like_http
from tests.addons.conftest import OK, Proxy, Reader, Writer, gateway_to
from tests.addons.test_tunnel import Refusing
from tests.budget import within
from tests.core.http1_reading import STRICT
from tests.core.test_http1_mutations import mutations, verdict
from tests.data.malformed_requests import MALFORMED, ODD, SECRET

MUTATIONS = 50_000 if os.environ.get("DASHCAM_GAUNTLET") else 300
PATIENCE = 20.0  # seconds; what takes longer hangs
SIDE_BY_SIDE = 8


# What aiohttp, which reads for the API, reads in one way.
LENIENT = {
    "two blanks before the version",
    "size that overflows with zeros",
    "overlong extension",
    "Host in the trailers",  # it leaves trailers out
    "overlong trailers",
}
# What an entrance cannot take, or takes for something else than a request to the sink.
ELSEWHERE = {
    "plain": {"tunnel in a tunnel", "absolute form", "OPTIONS *"},
    "tunnel": {"absolute form"},
    "replay": {"absolute form"},
    "gateway": {"absolute form", "OPTIONS *"},
    "api": set[str](),
}


@dataclass(slots=True)
class Sink:
    """Answers every request that h11 reads, and remembers what it could not read."""

    port: int = 0
    requests: int = 0
    unread: list[bytes] = field(default_factory=list)

    async def serve(self, reader: Reader, writer: Writer) -> None:
        incoming = b""
        h11s = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        try:
            while data := await reader.read(65536):
                incoming += data
                h11s.receive_data(data)
                while (event := h11s.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                    if isinstance(event, h11.EndOfMessage):
                        self.requests += 1
                        writer.write(OK)
                        h11s.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                        h11s.send(h11.EndOfMessage())
                        if h11s.our_state is h11.MUST_CLOSE:
                            return
                        h11s.start_next_cycle()
                        incoming = h11s.trailing_data[0]
        except h11.RemoteProtocolError:
            if not is_strict(incoming):
                self.unread.append(incoming)
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass(slots=True)
class Entrance:
    """A way in: where to connect, what goes before, and what the target becomes."""

    port: int
    sink: Sink
    tunnel: bytes = b""
    prefix: bytes = b"/"
    taken: bytes = b"HTTP/1.1 200 "

    def addressed(self, data: bytes) -> bytes:
        """A request for the sink, by this way; what has no path is left as it is."""
        line, end, rest = data.partition(b"\r\n")
        return line.replace(b" /", b" " + self.prefix, 1) + end + rest

    async def ask(self, data: bytes, *, whole: bool) -> bytes:
        """All that is answered. What is not `whole` is not waited for, and given up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(PATIENCE):
                if self.tunnel:
                    writer.write(self.tunnel)
                    await reader.readuntil(b"\r\n\r\n")
                writer.write(self.addressed(data))
                return await reader.read(65536) if whole else b""
        except ConnectionError:
            return b""
        except TimeoutError:
            return b"(hangs)"
        finally:
            writer.close()


type Open = Callable[[str], Entrance]


@pytest.fixture
async def entrances(proxy: Proxy) -> AsyncIterator[Open]:
    """Makes an entrance by its name."""
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    tunnel = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % sink.port

    def open_one(name: str) -> Entrance:
        if name == "replay":
            proxy.engine.replays = Refusing()
            return Entrance(proxy.port, sink, tunnel, taken=b"HTTP/1.1 424 ")
        return {
            "plain": Entrance(proxy.port, sink, prefix=b"http://127.0.0.1:%d/" % sink.port),
            "tunnel": Entrance(proxy.port, sink, tunnel),
            "gateway": Entrance(gateway, sink, prefix=b"/mine/"),
            "api": Entrance(gateway, sink, prefix=b"/api/v1/", taken=b"HTTP/1.1 4"),
        }[name]

    async with gateway_to(proxy, f"http://127.0.0.1:{sink.port}") as gateway:
        yield open_one
    server.close()


def is_strict(data: bytes) -> bool:
    """Whether h11 refuses it, and it is right all the same."""
    return any(known.match(data) for known in STRICT.values())


def is_refusal(answer: bytes) -> bool:
    """A status that says no, and a sentence after it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.") and head[9:10] == b"4" and len(body) > 20


def is_quiet(caplog: pytest.LogCaptureFixture) -> bool:
    """Nothing went wrong inside, and nothing secret was said."""
    loud = [record for record in caplog.records if record.levelno >= logging.ERROR]
    return not loud and SECRET.decode() not in caplog.text


async def in_turn[T](cases: Iterable[T], run: Callable[[T], "asyncio.Future[object]"]) -> None:
    for some in batched(cases, SIDE_BY_SIDE, strict=False):
        await asyncio.gather(*map(run, some))


ALL = ["plain", "tunnel", "replay", "gateway", "api"]


@pytest.mark.parametrize("name", ALL)
async def test_every_kind_is_refused_at_every_entrance(
    entrances: Open, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    entrance = entrances(name)
    answers: dict[str, bytes] = {}

    async def ask(kind: str) -> None:
        answers[kind] = await entrance.ask(MALFORMED[kind], whole=True)

    lenient = LENIENT if name == "api" else set()
    kinds = MALFORMED.keys() - ELSEWHERE[name] - lenient
    await in_turn(sorted(kinds), lambda kind: asyncio.ensure_future(ask(kind)))
    wrong = {kind: said[:90] for kind, said in answers.items() if not is_refusal(said)}
    assert not wrong, wrong
    assert [kind for kind, said in answers.items() if SECRET in said] == []
    assert (entrance.sink.unread, entrance.sink.requests) == ([], 0)
    for kind in lenient:
        assert (await entrance.ask(MALFORMED[kind], whole=True)).startswith(b"HTTP/1.1 ")
    assert entrance.sink.unread == []
    assert is_quiet(caplog)


@pytest.mark.parametrize("name", ["plain", "tunnel", "replay", "gateway"])
async def test_what_is_only_odd_is_taken(
    entrances: Open, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    entrance = entrances(name)
    answers: dict[str, bytes] = {}

    async def ask(kind: str) -> None:
        answers[kind] = await entrance.ask(ODD[kind][0], whole=True)

    unreadable = {kind for kind, (data, _) in ODD.items() if is_strict(data)}
    kinds = ODD.keys() - ELSEWHERE[name] - unreadable
    await in_turn(sorted(kinds), lambda kind: asyncio.ensure_future(ask(kind)))
    wrong = {kind: said for kind, said in answers.items() if not said.startswith(entrance.taken)}
    assert wrong == {}
    assert entrance.sink.unread == []
    assert is_quiet(caplog)


async def test_mutations_at_every_entrance(
    entrances: Open, caplog: pytest.LogCaptureFixture
) -> None:
    cases = list(mutations(MUTATIONS))
    wrong: list[tuple[str, bytes, bytes]] = []
    done = dict.fromkeys(ALL, 0)
    for at, name in enumerate(ALL):
        entrance = entrances(name)

        async def ask(data: bytes, entrance: Entrance = entrance, name: str = name) -> None:
            if entrance.tunnel and not _looks_like_http(data):
                return  # passed on as it is, recorded as a tunnel
            whole = verdict([entrance.addressed(data)]) != "incomplete"
            said = await entrance.ask(data, whole=whole)
            if whole and not said.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")):
                wrong.append((name, data, said))

        for some in within(batched(cases[at :: len(ALL)], SIDE_BY_SIDE, strict=False)):
            await asyncio.gather(*map(ask, some))
            done[name] += len(some)
    assert wrong == []
    assert entrances("tunnel").sink.unread == []
    assert entrances("tunnel").sink.requests > done["tunnel"] / 4
    assert is_quiet(caplog)
    said = f"{sum(done.values())} mutated requests at {len(ALL)} entrances"
    print(f"# {said}, 0 crashes, 0 hangs, 0 passed on that are ambiguous")  # noqa: T201 - to be shown
