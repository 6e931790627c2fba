import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.stores import open_store
from tests.cli.agents import Agent
from tests.cli.conftest import URL, Done, Recorded
from tests.cli.conftest import recorded as recording
from tests.upstream.certificates import Certificates
from tests.upstream.server import Upstream as Served

type Dashcam = Callable[..., Done]

CHILD = """
import sys, urllib.request
for number in sys.argv[2:]:
    print(urllib.request.urlopen(f"http://{sys.argv[1]}/orders/{number}").read().decode())
"""


class Upstream:
    """Answers with the number of the request it got."""

    def __init__(self) -> None:
        self.asked = 0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._main, args=(ready,))
        self.thread.start()
        assert ready.wait(20)

    def _main(self, ready: threading.Event) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n%d" % self.asked)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def main() -> None:
            self.done = asyncio.Event()
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                self.port = int(server.sockets[0].getsockname()[1])
                ready.set()
                await self.done.wait()

        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(main())

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(20)


@pytest.fixture
def recorded(dashcam: Dashcam) -> str:
    """The address of a service that answered two calls of run r1, and is gone."""
    upstream = Upstream()
    where = f"127.0.0.1:{upstream.port}"
    command = (sys.executable, "-c", CHILD, where, "1", "2")
    assert dashcam("run", "--id", "r1", "--", *command).code == 0
    assert upstream.asked == 2
    upstream.stop()
    return where


def test_what_was_recorded_is_served_and_what_was_not_is_told(
    dashcam: Dashcam, recorded: str, folder: Path
) -> None:
    command = (sys.executable, "-c", CHILD, recorded)
    clean = dashcam("replay", "last", "--report", "report.json", "--", *command, "1", "2")
    assert clean.code == 0, clean.err
    assert "2 served · clean" in clean.err
    assert json.loads((folder / "report.json").read_text())["counts"]["served"] == 2

    other = dashcam("replay", "r1", "--json", "--", *command, "1", "77")
    assert other.code == 2
    report = json.loads(other.err.strip().splitlines()[-1])
    assert (report["counts"]["missed"], report["counts"]["unused"]) == (1, 1)
    assert report["missed"][0]["nearest"]["seq"] == 2
    assert report["commandExitCode"] == 1

    again = dashcam("replay", "last", "--", *command, "1", "2")
    assert again.code == 0, "`last` is not a replay"
    store = open_store(URL, create=False)
    assert store.find_run("last").metadata["replayOf"] == "r1"
    store.close()


def test_nothing_asked_cannot_be_judged(dashcam: Dashcam, recorded: str) -> None:
    assert dashcam("replay", "r1", "--", sys.executable, "-c", "pass").code == 125
    assert dashcam("replay", "r1", "--", "no-such-command-at-all").code == 125


def test_a_recordings_file_is_replayed_without_its_store(
    dashcam: Dashcam, recorded: str, folder: Path
) -> None:
    assert dashcam("export", "r1", "--to", "r1.dashcam.jsonl").code == 0
    for file in (folder / "recordings").glob("dashcam.db*"):
        file.unlink()
    command = (sys.executable, "-c", CHILD, recorded, "1", "2")
    assert dashcam("replay", "r1.dashcam.jsonl", "--", *command).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("replay", "nobody", "--", "true"), 1, "nobody"),
        (("replay", "last", "--", "true"), 1, "no run to replay yet"),
        (("replay", "x", "--live", "everything", "--", "true"), 2, "host:NAME"),
        (("replay", "x", "--live", "tools:", "--", "true"), 2, "nothing that may go live"),
        (("replay", "x", "--pace", "slowly", "--", "true"), 2, "pace"),
    ],
)
def test_one_clear_line(dashcam: Dashcam, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = dashcam(*arguments)
    assert done.code == code
    assert said in done.err


@pytest.fixture(scope="module")
def first(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    """Run r1 asked the model `hi` and a tool for 3 bytes."""
    words = ("chat:m:hi", "get:/fixed?size=3")
    with recording(certificates, tmp_path_factory.mktemp("first"), *words) as made:
        yield made


@pytest.fixture
def agent(first: Recorded, folder: Path) -> Agent:
    first.into(folder)
    return first.agent


@pytest.fixture
def upstream(first: Recorded) -> Served:
    return first.upstream


@pytest.mark.parametrize(
    ("live", "asked", "counts"),
    [
        ((), (), {"served": 2}),
        (("llm",), ("/v1/chat/completions",), {"served": 1, "passedThrough": 1}),
        (("tools:GET *",), ("/fixed?size=3",), {"served": 1, "passedThrough": 1}),
        (("tools:POST *",), (), {"served": 2}),
        (
            ("llm", "tools:*/fixed"),
            ("/v1/chat/completions", "/fixed?size=3"),
            {"passedThrough": 2},
        ),
        (
            ("host:127.0.0.*",),
            ("/v1/chat/completions", "/fixed?size=3"),
            {"passedThrough": 2},
        ),
    ],
)
def test_only_what_is_named_goes_live(  # noqa: PLR0917 - pytest passes fixtures by name
    dashcam: Dashcam,
    agent: Agent,
    upstream: Served,
    live: tuple[str, ...],
    asked: tuple[str, ...],
    counts: dict[str, int],
) -> None:
    flags = [part for word in live for part in ("--live", word)]
    command = agent("chat:m:hi", "get:/fixed?size=3")
    done = dashcam("replay", "r1", *flags, "--json", "--", *command)
    assert done.code == 0, done.err
    assert tuple(seen.target for seen in upstream.world.seen[2:]) == asked
    report = json.loads(done.err.strip().splitlines()[-1])
    assert {name: count for name, count in report["counts"].items() if count} == counts


@pytest.mark.parametrize(
    "flags",
    [
        ("--match", "exact"),
        ("--match", "sequence", "--reuse"),
        ("--pace", "recorded", "--report", "report.json", "--json"),
        ("--live", "host:api.openai.com", "--live", "tools:search", "--reuse"),
    ],
)
def test_no_flag_goes_live_without_a_name(
    dashcam: Dashcam, agent: Agent, upstream: Served, flags: tuple[str, ...]
) -> None:
    done = dashcam("replay", "r1", *flags, "--", *agent("chat:m:new", "get:/new", "get:/newer"))
    assert done.code == 2, done.err
    assert len(upstream.world.seen) == 2, "both were the recorded run's"


def test_a_live_model_may_say_something_new_but_tools_are_the_recorded_ones(
    dashcam: Dashcam, agent: Agent, upstream: Served
) -> None:
    new = agent("chat:m:who are you?", "get:/fixed?size=3")
    done = dashcam("replay", "r1", "--live", "llm", "--", *new)
    assert done.code == 0, done.err
    assert "live: 127.0.0.1 (once)" in done.err
    other = agent("chat:m:who are you?", "get:/fixed?size=4")
    before = len(upstream.world.seen)
    done = dashcam("replay", "r1", "--live", "llm", "--", *other)
    assert done.code == 2, done.err
    assert "1 missed, 1 unused, 1 passed through" in done.err
    assert [seen.target for seen in upstream.world.seen[before:]] == ["/v1/chat/completions"]
