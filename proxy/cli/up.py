"""`dashcam up`: the recording proxy, the gateway and the API as a service."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._stopping import NOW, Told

if TYPE_CHECKING:
    from proxy.cli._serving import Serving
    from proxy.config import Settings


@subcommand(
    help="Record as a service: forward proxy, gateway and API, until told to stop.",
    epilog="""\b
Examples:
  dashcam up
  dashcam up --listen 127.0.0.1:9080 --api 127.0.0.1:9081
  dashcam up --replay last                # answer from a recording; contacts nobody
  dashcam up --upstream mine=https://llm.example.com/v1

Agents use it as HTTPS_PROXY=http://127.0.0.1:8080 with the CA of `dashcam ca bundle`, or by
base URL: http://127.0.0.1:8081/openai/v1, /anthropic, /mine.""",
)
@click.option("--listen", metavar="HOST:PORT", help="The forward proxy (127.0.0.1:8080).")
@click.option("--api", metavar="HOST:PORT", help="The gateway and the API (127.0.0.1:8081).")
@click.option("--workers", metavar="N", help="How many processes share the ports (1).")
@click.option("--durability", metavar="MODE", help="durable, strict or fast.")
@click.option("--vault", metavar="KEY", help="Seal what secrets were: a key file, env:NAME, age1….")
@click.option(
    "--vault-bodies", is_flag=True, default=None, help="Seal the recordings too, with that key."
)
@click.option("--replay", metavar="RUN", multiple=True, help="Answer from this recording.")
@click.option("--pace", metavar="PACE", help="instant, recorded, or a factor.")
@click.option("--match", metavar="HOW", help="exact, normalised or sequence.")
@click.option("--reuse", is_flag=True, help="Replay a recorded call again when all are used up.")
@click.option("--upstream-ca", metavar="FILE", help="A PEM file of CAs that upstreams may have.")
@click.option("--upstream", metavar="NAME=URL", multiple=True, help="An upstream by name.")
@click.option("--ignore", metavar="HOST", multiple=True, help="A host to leave alone.")
@click.option("--allow", metavar="HOST", multiple=True, help="A host that others may call.")
def command(
    cli: Cli, *, upstream_ca: str | None, upstream: Sequence[str], reuse: bool, **flags: Any
) -> int:
    """See the help."""
    if upstream_ca:
        flags["upstream_ca"] = Path(upstream_ca)
    settings = cli.settings(**flags, upstream=list(upstream) or None)
    if settings.replay and not settings.replay_allow:
        settings = settings.of_replay()
    token = os.environ.get("DASHCAM_TOKEN") or _own_token(settings)
    _limited(settings)
    if settings.workers == 1:
        return asyncio.run(_serve(settings, token, reuse=reuse))
    return _shared(settings, token)


def _own_token(settings: "Settings") -> str:
    """This install's; for others than this machine it must be one that was given on purpose."""
    from proxy.errors import ConfigError
    from proxy.launch.api_token import load_or_make

    for host in _wide(settings):
        raise ConfigError(
            f"Dashcam would listen on {host} for everybody",
            hint="set DASHCAM_TOKEN to a secret that callers must send, or stay on 127.0.0.1",
        )
    return load_or_make(settings.home)


def _wide(settings: "Settings") -> list[str]:
    """Where others than this machine could ask."""
    from proxy.launch.api_token import is_loopback

    hosts = (settings.listen.host, settings.api.host)
    return [host for host in hosts if not is_loopback(host)]


def _limited(settings: "Settings") -> None:
    """Whoever may ask from elsewhere needs a list of what may be called."""
    from proxy.errors import ConfigError

    for host in _wide(settings):
        if not settings.allow:
            raise ConfigError(
                f"whoever reaches {host} could call any host through this Dashcam",
                hint="say which may be called: --allow api.openai.com (or '*' for public ones)",
            )


def _shared(settings: "Settings", token: str) -> int:
    """Several workers on the same ports."""
    from proxy.cli._workers import reserved, supervise
    from proxy.errors import ConfigError

    if settings.replay:
        raise ConfigError(
            "a replay goes on in one process, which knows what was served",
            hint="leave --workers away, or start a process for each replay",
        )
    listen, kept = reserved(settings.listen)
    api, kept_too = reserved(settings.api)
    settings = replace(settings, listen=listen, api=api)

    def work(number: int, alive: int) -> int:
        return asyncio.run(_serve(settings, token, number=number, alive=alive))

    code = supervise(settings.workers, work)
    for each in (*kept, *kept_too):
        each.close()
    return code


async def _serve(
    settings: "Settings",
    token: str,
    *,
    reuse: bool = False,
    number: int = 0,
    alive: int | None = None,
) -> int:
    from proxy import replays
    from proxy import runtime as composition
    from proxy.cli._serving import serving
    from proxy.cli._workers import serves
    from proxy.core.replay import Live
    from proxy.engine.loading import Loading
    from proxy.engine.replayer import Mode

    composition.raise_file_limit()
    stop = _Stop(alive)  # from here on what has come is kept
    loading = Loading(everything=bool(settings.replay))
    host = settings.listen.host
    async with serving(
        settings, api=settings.api, token=token, host=host, loading=loading
    ) as where:
        if settings.replay:
            mode = Mode(
                settings.match, settings.pace, reuse, live=Live(hosts=settings.replay_allow)
            )
            replayer = await asyncio.to_thread(
                replays.replayer, where.runtime, settings.replay, mode
            )
            replayer.on_miss = lambda text: print(text, file=sys.stderr)
            where.front.reports = replayer.reports
        else:
            mode = Mode(settings.match, settings.pace)
            replays.replay_on_request(where.runtime, mode, possible=settings.workers == 1)
        shared = settings.workers > 1
        port = where.forward.listen(settings.listen.host, settings.listen.port, shared=shared)
        await where.load()  # a service says that it is there when it answers at once
        if alive is not None:
            serves(alive)
        if number == 0:
            _announce(where, settings, port)
        await stop.first.wait()
        if where.runtime.engine.busy and number == 0:
            said = "calls that are under way may end; once more, and they are cut off"
            print(f"dashcam: {said}", file=sys.stderr, flush=True)
        await where.drain(stop.now)
    return 0


def _announce(where: "Serving", settings: "Settings", port: int) -> None:
    from proxy.cli._source import shown
    from proxy.launch.api_token import is_loopback

    proxy = f"http://{settings.listen._replace(port=port)}"
    api = f"http://{settings.api._replace(port=where.api_port)}"
    key = "" if is_loopback(settings.api.host) else "/key-TOKEN"
    doing = f"replaying {', '.join(settings.replay)}" if settings.replay else "recording"
    for line in (
        f"{doing}, into {shown(settings.store)}",
        f"proxy    HTTPS_PROXY={proxy}  (trust the CA: `dashcam ca bundle`)",
        f"gateway  {api}{key}/openai/v1, {api}{key}/anthropic, …",
        f"API      {api}/api/v1  (asks for {_token_in_words(settings)})",
    ):
        print(f"dashcam: {line}", file=sys.stderr, flush=True)


def _token_in_words(settings: "Settings") -> str:
    from proxy.launch.api_token import NAME

    if os.environ.get("DASHCAM_TOKEN"):
        return "DASHCAM_TOKEN"
    return f"the token in {settings.home / NAME}"


class _Stop:
    """Told to stop: `first` is set then, and `now` when it is told once more.

    A worker has a line `alive` that ends with its supervisor, and listens to that one only: a
    terminal, or a service manager, may have told it, too.
    """

    def __init__(self, alive: int | None) -> None:
        self.first = asyncio.Event()
        self.now = asyncio.Event()
        self._told = Told()
        loop = asyncio.get_running_loop()
        if alive is not None:
            loop.add_reader(alive, self._orphaned, loop, alive)
            for number, act in (
                (signal.SIGINT, lambda: None),
                (signal.SIGTERM, self.first.set),
                (NOW, self._at_once),
            ):
                loop.add_signal_handler(number, act)
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # on Windows; Ctrl-C ends it anyway
                loop.add_signal_handler(number, self._once_or_more)

    def _once_or_more(self) -> None:
        if self._told.again():
            self._at_once()
        self.first.set()

    def _at_once(self) -> None:
        self.first.set()
        self.now.set()

    def _orphaned(self, loop: asyncio.AbstractEventLoop, alive: int) -> None:
        loop.remove_reader(alive)
        self.first.set()
