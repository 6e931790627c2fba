"""`dashcam test`: recordings as tests, and a recorded run made into one."""

import asyncio
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import note, put_json

if TYPE_CHECKING:
    from proxy.cli._shrink import Shrunk
    from proxy.cli._trial import Asked, Tested
    from proxy.config import Settings
    from proxy.core.model import Snapshot

FOLDER = "recordings"
_DIVERGED, _NO_VERDICT = 2, 125
_COMMAND = "dashcam.command"


class _Dashed(click.Command):
    """Keeps what stands after `--` apart from what stands before it."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            args, ctx.meta[_COMMAND] = args[:at], args[at + 1 :]
        return super().parse_args(ctx, args)


@subcommand(
    cls=_Dashed,
    help="Run recordings as tests, or make a recorded run one.",
    epilog="""\b
Examples:
  dashcam test                                  # recordings/, each with its recorded command
  dashcam test recordings -- python agent.py
  dashcam test recordings/refund-401.dashcam.jsonl --junit report.xml -- python agent.py
  dashcam test new last --name refund-401 --shrink

Runs CMD offline against each recording, some at a time. A run that had gone well must go the
same way; one that had failed must get over its failure. NAME.checks.toml beside NAME's recording,
or --checks, says otherwise. `new` writes recordings/NAME.dashcam.jsonl and a pytest file; with
--shrink it replays CMD to find calls whose loss changes nothing, and leaves them out.
Ends with 0 when all passed, 2 when one failed, 125 when one could not be judged.""",
)
@click.argument("words", metavar="[FOLDER | new RUN] [-- CMD...]", nargs=-1)
@click.option(
    "--mode",
    type=click.Choice(["replay", "record", "verify", "none", "once", "new", "all"]),
    default="replay",
    help="replay is none, record is all; see the docs.",
)
@click.option(
    "--live", metavar="WHAT", multiple=True, help="For live modes: llm, tools:NAME, host:NAME."
)
@click.option("--clock", metavar="CLOCK", help="real (default), or recorded: CMD's time.")
@click.option("--checks", metavar="FILE", help="The checks, as TOML or JSON, for every recording.")
@click.option("--junit", metavar="FILE", help="Write the results as JUnit XML.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="How many at a time.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=300.0, metavar="SECONDS")
@click.option("--upstream-ca", metavar="FILE", help="For live modes: CAs of the upstreams.")
@click.option("--name", metavar="NAME", help="For new: the recording's name.")
@click.option("--to", metavar="FILE", help="For new: the pytest file (tests/test_NAME.py).")
@click.option("--shrink", is_flag=True, help="For new: leave out calls that are not needed.")
@click.option("--force", is_flag=True, help="For new: overwrite.")
@click.option("--loopback/--no-loopback", default=True, help="Calls to this machine too (default).")
def command(cli: Cli, *, words: Sequence[str], **options: Any) -> int:
    """See the help."""
    argv = click.get_current_context().meta.get(_COMMAND)
    if argv is not None and not argv:
        raise click.UsageError("there is no command after --")
    if words[:1] == ("new",):
        if len(words) != 2:  # noqa: PLR2004 - new and RUN
            raise click.UsageError("write `dashcam test new RUN`")
        return _new(cli, words[1], argv, options)
    if len(words) > 1:
        raise click.UsageError("the command to test stands after --")
    return _test(cli, Path(words[0] if words else FOLDER), argv, options)


def _new(cli: Cli, ref: str, argv: Sequence[str] | None, options: Mapping[str, Any]) -> int:
    from proxy.cli._files import taken, write_whole
    from proxy.cli._new_test import default_name, files, page, slug
    from proxy.cli._source import source
    from proxy.core.recording import dump
    from proxy.errors import ConfigError

    with source(cli, ref) as found:
        snapshot = found.snapshot()
    given = options["name"]
    if given is not None and given != slug(given):
        raise ConfigError(f"{given!r} is no name", hint="letters, digits and dashes: refund-401")
    name = given or default_name(snapshot)
    command = list(argv or snapshot.run.metadata.get("command") or ())
    if not command:
        raise ConfigError(f"{snapshot.run.id} knows no command", hint="give one after --")
    recording, test = files(name, Path(FOLDER), options["to"])
    for path in (recording, test):
        if path.exists() and not options["force"]:
            raise taken(path)
    checks = _read(Path(options["checks"])) if options["checks"] else None
    less = _shrunk(cli, snapshot, command, checks, options) if options["shrink"] else None
    if less is not None:
        snapshot = less.snapshot
    write_whole(recording, dump(snapshot), force=options["force"])
    write_whole(test, [page(snapshot, name, command, checks).encode()], force=options["force"])
    if cli.json:
        told = {"name": name, "recording": str(recording), "test": str(test)}
        put_json(told if less is None else told | {"shrunk": less.as_json()})
    else:
        for line in less.lines() if less is not None else ():
            note(line)
        note(f"wrote {recording}")
        note(f"wrote {test}; run it with pytest (dashcam-sdk has the plugin)")
    return 0


def _shrunk(
    cli: Cli,
    snapshot: "Snapshot",
    argv: Sequence[str],
    checks: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> "Shrunk":
    from proxy.cli._shrink import shrunk
    from proxy.cli._trial import Asked

    asked = Asked(argv, None, "none", options["loopback"], options["timeout"])
    return asyncio.run(shrunk(cli.settings(clock=options["clock"]), snapshot, asked, checks))


def _test(cli: Cli, where: Path, argv: Sequence[str] | None, options: Mapping[str, Any]) -> int:
    from proxy.cli._junit import junit
    from proxy.cli._trial import Asked
    from proxy.core.replay.live import parse

    flags: dict[str, Any] = {"clock": options["clock"]}
    if options["upstream_ca"]:
        flags["upstream_ca"] = Path(options["upstream_ca"])
    settings = cli.settings(**flags)
    live = parse(options["live"])
    asked = Asked(argv, None, options["mode"], options["loopback"], options["timeout"], live)
    recordings = _recordings(where, asked.mode)
    checks = _read(Path(options["checks"])) if options["checks"] else None
    results = asyncio.run(
        _all(settings, recordings, asked, checks, options["jobs"], quiet=cli.json)
    )
    if options["junit"]:
        Path(options["junit"]).write_bytes(junit(results))
    code = _exit_code(results)
    if cli.json:
        put_json({"exitCode": code, "tests": [one.as_json() for one in results]})
    else:
        words = ("passed", "failed", "unjudged")
        counts = {word: sum(one.verdict == word for one in results) for word in words}
        note(", ".join(f"{count} {word}" for word, count in counts.items() if count))
    return code


async def _all(
    settings: "Settings",
    recordings: Sequence[Path],
    asked: "Asked",
    checks: Mapping[str, Any] | None,
    jobs: int | None,
    *,
    quiet: bool,
) -> "list[Tested]":
    """Every test, `jobs` at a time (None: as many as there are processors), told as they end."""
    import os
    from dataclasses import replace

    from proxy.cli._trial import tested

    free = asyncio.Semaphore(jobs or os.process_cpu_count() or 1)
    done = 0

    async def one(file: Path) -> "Tested":
        nonlocal done
        async with free:
            own = checks if checks is not None else _beside(file)
            made = await tested(settings, file, replace(asked, checks=own))
        done += 1
        if not quiet:
            _tell(made, f"[{done}/{len(recordings)}]")
        return made

    return list(await asyncio.gather(*map(one, recordings)))


def _tell(made: "Tested", place: str) -> None:
    from proxy.cli._text import clean

    print(f"{place} {made.verdict:8} {clean(made.name)} ({made.seconds:.1f} s)")
    for line in made.lines():
        print(f"    {clean(line)}")
    sys.stdout.flush()


def _exit_code(results: "Sequence[Tested]") -> int:
    """0 all passed, 2 one failed, 125 one could not be judged."""
    verdicts = {one.verdict for one in results}
    return _DIVERGED if "failed" in verdicts else _NO_VERDICT if "unjudged" in verdicts else 0


def _recordings(where: Path, mode: str) -> list[Path]:
    """The recordings in a folder, or the one that is named. Raises RecordingNotFound."""
    from proxy.errors import RecordingNotFound

    made = mode in {"record", "all", "once"} and where.name.endswith(".jsonl")
    if where.is_file() or made:
        return [where]
    found = sorted(where.rglob("*.dashcam.jsonl"))
    if not found:
        raise RecordingNotFound(
            f"there is no recording in {where}", hint="make one: dashcam test new last"
        )
    return found


def _beside(file: Path) -> Mapping[str, Any] | None:
    """The checks that stand beside a recording."""
    from proxy.cli._modes import name_of

    path = file.with_name(f"{name_of(file)}.checks.toml")
    return _read(path) if path.exists() else None


def _read(path: Path) -> Mapping[str, Any]:
    """Checks out of a file. Raises ConfigError."""
    from proxy.errors import ConfigError

    try:
        text = path.read_text("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the checks in {path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"the checks in {path} are no table of checks by name")
    return found
