"""`dashcam mcp`: record a stdio MCP server, or be one, from a recording."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from proxy.cli._common import Cli, subcommand

if TYPE_CHECKING:
    from proxy.core.schemas import Book
    from proxy.mcp.recording import Sink

_SOON = 2.0  # seconds: the client waits for its server


@subcommand(
    help="Record a stdio MCP server, or play it from a recording.",
    epilog="""\b
Examples, as an MCP client's configuration has it:
  dashcam mcp -- npx -y @modelcontextprotocol/server-everything
  dashcam mcp --name crm -- python -m crm.server
  dashcam mcp --replay last --name crm

Messages, stderr, signals and the exit code pass untouched. Each request with its response is
a call in the run of the `dashcam run` that the client was started with, else in a run of its
own.""",
    context_settings={"ignore_unknown_options": False},
)
@click.option("--name", metavar="SERVER", help="What the server is called (default: its command).")
@click.option("--replay", metavar="RUN", help="Be the server, from this recording.")
@click.argument("argv", metavar="-- SERVER CMD...", nargs=-1, type=click.UNPROCESSED)
def command(cli: Cli, *, name: str | None, replay: str | None, argv: Sequence[str]) -> int:
    """See the help."""
    from proxy.mcp import family
    from proxy.mcp.naming import clean, server_name

    told = family.told(os.environ, os.getpid())
    server = clean(name) if name else server_name(argv) if argv else None
    replay = replay or told.get("DASHCAM_REPLAY")
    if replay:
        from proxy.mcp.replaying import replayed

        return replayed(cli.settings(), replay, server, named=name is not None)
    if server is None:
        raise click.UsageError("which server? Give its command: dashcam mcp -- SERVER CMD...")
    # In a replay the server is never started, not even when Dashcam is too busy to say so.
    replaying = "DASHCAM_API" in told and "DASHCAM_RUN" in told
    if replaying and (told.get("DASHCAM_REPLAYING") or _replays(told["DASHCAM_API"])):
        from proxy.launch.api_client import ApiClient
        from proxy.mcp.replaying import relayed

        return relayed(ApiClient(told["DASHCAM_API"]), told["DASHCAM_RUN"], server)
    return _recorded(cli, server, argv, told)


def _replays(api: str) -> bool:
    """Whether the Dashcam there replays: then no server is started."""
    from proxy.errors import DashcamError
    from proxy.launch.api_client import ApiClient

    try:
        return ApiClient(api, _SOON).get("/status").get("replaying") is True
    except DashcamError:  # it is gone; the recording falls back on the store
        return False


def _recorded(cli: Cli, server: str, argv: Sequence[str], told: dict[str, str]) -> int:
    from proxy.mcp.feeding import Feed
    from proxy.mcp.passing import pass_through

    book = _enforced(cli, server)
    feed = Feed.fork(partial(_record, cli, server, told))
    pump = None
    if book is not None:
        from proxy.mcp.gating import Gate
        from proxy.mcp.guarding import Guard

        pump = Gate(Guard(book, server), feed.tell, feed.stopped).pump
    ended = pass_through(argv, os.environ, feed.tell, pump=pump)
    feed.finish(f"the server ended with {ended.how}")
    if feed.lost:
        print(f"dashcam: {server} is not recorded: {feed.lost}", file=sys.stderr)
    return ended.code


def _enforced(cli: Cli, server: str) -> "Book | None":
    """The schemas, if any may be enforced here; nothing is loaded where nobody declares any."""
    from pathlib import Path

    file = cli.config or Path(os.environ.get("DASHCAM_CONFIG") or "dashcam.toml")
    named = any(name.startswith("DASHCAM_SCHEMAS_") for name in os.environ)
    if not (named or file.exists() or Path("schemas").is_dir()):
        return None
    settings = cli.settings()
    where = settings.schemas
    if not (where.enforce or where.openapi or where.folder.is_dir()):
        return None
    from proxy.core.schemas.book import Enforced
    from proxy.runtime import book_of

    book = book_of(settings)
    return book if Enforced(book).holds_server(server) else None


def _record(cli: Cli, server: str, told: dict[str, str], source: int) -> None:
    """In a process of its own: what is imported here does not hold up the server."""
    from proxy.engine.clock import new_id, wall
    from proxy.mcp.pairing import Pairing
    from proxy.mcp.recording import record

    run_id = told.get("DASHCAM_RUN") or new_id("run")
    own = None if "DASHCAM_RUN" in told else f"mcp {server}"
    sinks = [partial(_to_store, cli, run_id, own)]
    if api := told.get("DASHCAM_API"):
        sinks.insert(0, partial(_to_api, api, run_id, own))
    record(source, Pairing(server, run_id, wall()), sinks)


def _to_api(api: str, run_id: str, own: str | None) -> "Sink":
    from proxy.launch.api_client import ApiClient
    from proxy.mcp.sinks import ToApi

    return ToApi(ApiClient(api), run_id, own)


def _to_store(cli: Cli, run_id: str, own: str | None) -> "Sink":
    from proxy.mcp.sinks import ToStore

    return ToStore(cli.settings(), run_id, own)
