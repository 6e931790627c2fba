import errno
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cogapp import Cog  # type: ignore[import-untyped]  # it ships no types

from proxy.cli import BROKEN_PIPE, COMMANDS, INTERRUPTED, execute, load_command
from proxy.cli import dashcam as group
from proxy.errors import ConfigError, DashcamError
from tests.cli.conftest import Dashcam

ROOT = Path(__file__).parents[2]
HEAVY = ("aiohttp", "mitmproxy", "rich", "sqlite_utils", "sqlite3", "cryptography", "genai_prices")
LATE = (*(name for name in HEAVY if name != "sqlite3"), "jsonschema", "jsonschema_rs")
LATE_PARTS = ("proxy.core.checks", "proxy.core.matching", "proxy.core.replay", "proxy.stores.vault")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help_and_the_common_options(name: str) -> None:
    command = load_command(name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help
    if not isinstance(command, click.Group):
        options = {option for param in command.params for option in param.opts}
        assert {"--store", "--config", "--json"} <= options


def test_every_module_that_is_a_command_is_in_the_table() -> None:
    files = {path.stem.rstrip("_") for path in (ROOT / "proxy" / "cli").glob("[!_]*.py")}
    assert files == set(COMMANDS)


def test_help_lists_the_commands_under_their_headings(dashcam: Dashcam) -> None:
    done = dashcam("--help")
    assert done.code == 0
    found = re.findall(r"^  (\w+)  +(.+)$", done.out.partition("Record:")[2], re.MULTILINE)
    assert found == [(name, entry.help) for name, entry in COMMANDS.items()]


def test_nothing_heavy_is_imported_to_start() -> None:
    code = (
        "import sys; import proxy.cli; proxy.cli.execute(['--help']);"
        f"found = [name for name in {HEAVY!r} if name in sys.modules];"
        "import proxy.cli._record, proxy.servers.early;"  # what records until somebody is called
        f"print(found + [name for name in {LATE + LATE_PARTS!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_proxy_is_the_console_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "--version"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"dashcam \d+\.\d+\.\d+\S*\n", done.stdout)


def test_common_options_may_stand_before_or_after_the_command(dashcam: Dashcam) -> None:
    before = dashcam("--json", "--store", "sqlite:///x.db", "config")
    after = dashcam("config", "--json", "--store", "sqlite:///x.db")
    assert before == after
    assert '"value": "sqlite:///x.db"' in after.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("rusn",), "there is no command 'rusn'. Did you mean run or runs?"),
        (("xyzzy",), "there is no command 'xyzzy'."),
        (("runs", "--nope"), "No such option"),
        (("runs", "--since", "soon"), "'soon' is no point in time"),
        (("show",), "Missing argument 'RUN'"),
    ],
)
def test_wrong_usage_ends_with_2(dashcam: Dashcam, args: tuple[str, ...], said: str) -> None:
    done = dashcam(*args)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


def breaking(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(group, "main", fail)


@pytest.mark.parametrize(
    ("error", "code", "err"),
    [
        (DashcamError("no\x1b[2J", hint="try\nthis"), 1, "dashcam: no\\x1b[2J\ntry\nthis\n"),
        (ConfigError("bad"), 2, "dashcam: bad\n"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
        (
            OSError(errno.ENOSPC, "No space left on device", "x"),
            1,
            "dashcam: No space left on device: x\n",
        ),
    ],
)
def test_errors_are_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    err: str,
) -> None:
    breaking(monkeypatch, error)
    assert execute([]) == code
    assert capsys.readouterr().err == err


def test_a_reader_that_went_away_is_no_error() -> None:
    code = "import proxy.cli as c; raise SystemExit(c.execute(['config', '--toml']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        err = child.stderr.read()
    assert (child.returncode, err) == (BROKEN_PIPE, b"")


@pytest.mark.parametrize("name", ["cli.md", "configuration.md"])
def test_the_docs_are_what_the_code_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = Cog().main(["cog", "--check", str(ROOT / "docs" / name)])
    assert code == 0, f"run: python -m cogapp -r docs/{name}\n" + capsys.readouterr().out
