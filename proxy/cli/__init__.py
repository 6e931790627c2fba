"""The command line: one file a command, loaded when it is called.

`main` is the console script. A module `proxy.cli.NAME` (`import_` for import) holds one click
command named `command`. Nothing heavy is imported here, so that every command starts at once.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, override

import click

from proxy.errors import DashcamError

INTERRUPTED = 130
BROKEN_PIPE = 141  # as for a program that SIGPIPE ended


class Entry(NamedTuple):
    """A command in the list: under which heading, and what it does."""

    section: str
    help: str


COMMANDS: dict[str, Entry] = {
    "run": Entry("Record", "Record a command and everything it calls."),
    "up": Entry("Record", "Record as a service: proxy, gateway and API."),
    "mcp": Entry("Record", "Record a stdio MCP server, or play it from a recording."),
    "runs": Entry("Look", "List runs, newest first."),
    "show": Entry("Look", "Show a run's timeline, or one of its calls in full."),
    "explain": Entry("Look", "Say why a run ended as it did, with the evidence."),
    "tail": Entry("Look", "Follow calls as they are stored."),
    "diff": Entry("Look", "Compare two runs step by step."),
    "outcome": Entry("Look", "Show a run's outcome, or set it."),
    "outcomes": Entry("Look", "Outcome rates by label, day or model."),
    "judge": Entry("Look", "Ask a model about a run's last answer, once."),
    "schemas": Entry("Look", "The schemas of tools: list, infer, check for drift."),
    "replay": Entry("Replay", "Run a command offline against a recording."),
    "fork": Entry("Replay", "Run a command on a recording up to a call, and live from there."),
    "test": Entry("Replay", "Run recordings as tests, or make a recorded run one."),
    "export": Entry("Move", "Write a run to a file."),
    "import": Entry("Move", "Read runs from files into the store."),
    "verify": Entry("Keep", "Check the store: the file, every hash, every timeline."),
    "checkpoint": Entry("Keep", "Say, signed, what the store holds; to be kept elsewhere."),
    "backup": Entry("Keep", "Copy the store to a file while it is in use."),
    "gc": Entry("Keep", "Delete old runs and give the space back."),
    "vault": Entry("Keep", "What secrets were, for who has the key."),
    "ca": Entry("Keep", "The certificate authority: show, rotate, bundle."),
    "config": Entry("Set up", "Show every setting and where it came from."),
    "doctor": Entry("Set up", "Check that Dashcam can work here."),
    "demo": Entry("Set up", "Record and replay a small agent, without keys or network."),
}


def load_command(name: str) -> click.Command:
    """The command of a name in COMMANDS."""
    suffix = "_" if name == "import" else ""
    found = importlib.import_module(f"proxy.cli.{name}{suffix}").command
    assert isinstance(found, click.Command)  # noqa: S101 - what every module here promises
    return found


class _Commands(click.Group):
    """The group: knows its commands from the table alone."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=2)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            with contextlib.suppress(OSError, ValueError):
                # What is still buffered must not be tried again when the interpreter ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(BROKEN_PIPE)
        return result

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [
                        (name, entry.help)
                        for name, entry in COMMANDS.items()
                        if entry.section == section
                    ]
                )


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="dashcam", message="dashcam %(version)s")
@click.option("--store", metavar="URL", help="Where runs are kept.")
@click.option("--config", metavar="FILE", help="The settings file (default: ./dashcam.toml).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def dashcam(**common: Any) -> None:
    """A dashcam for AI agents: record on the wire, explain, replay offline."""
    click.get_current_context().obj = common


def main(args: Sequence[str] | None = None) -> NoReturn:
    """The console script; ends the process with the command's exit code."""
    sys.excepthook = _crashed
    sys.exit(execute(args))


def _crashed(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """The traceback of a bug, which may repeat what somebody sent, without secrets."""
    from proxy.core.redaction.redactor import Redactor
    from proxy.engine.logs import crashed

    crashed(Redactor(os.urandom(32)).text, kind, error, where)


def execute(args: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; errors are told on stderr in one line."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream that somebody put in the place of it
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        result = dashcam.main(args, prog_name="dashcam", standalone_mode=False)
    except DashcamError as error:
        _tell(error.message, error.hint)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _tell(f"{error.strerror or error}{where}", None)
        return 1
    return result if isinstance(result, int) else 0


def _tell(message: str, hint: str | None) -> None:
    from proxy.cli._text import clean

    print(f"dashcam: {clean(message)}", file=sys.stderr)
    if hint:
        print(clean(hint, lines=True), file=sys.stderr)
