"""What goes wrong around a user: one clear line each, and an exit code that says so."""

import json
import sqlite3
from pathlib import Path

from tests.upstream.dashcam import Dashcam, Done, taken_port
from tests.upstream.server import Upstream

FETCH = ("curl", "-sS", "-w", "\n%{http_code}")  # the quickest client to start


def record(dashcam: Dashcam, target: str = "/fixed", run: str = "one") -> Done:
    return dashcam("run", "--id", run, "--", *FETCH, f"https://upstream.test{target}")


def said_in_one_line(done: Done, *parts: str) -> None:
    """One line says what happened, at most one more says what to do; never a traceback."""
    assert len(done.error_lines) <= 2, done.err
    assert done.error_lines[0].startswith("dashcam: ")
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.err


def test_a_provider_that_is_down(dashcam: Dashcam, upstream: Upstream) -> None:
    upstream.stop()
    done = record(dashcam)
    assert done.out.endswith("\n502")
    assert "upstream.test" in done.out
    summary = [line for line in done.error_lines if line.startswith("dashcam: ")]
    assert len(summary) == 3
    assert "1 calls, 1 failed" in summary[1]
    assert "Traceback" not in done.err
    (call,) = dashcam.calls("one")
    assert call["end"] == "upstream_refused"
    assert dashcam.json("show", "one")["failureMode"] == "Tool Error"


def test_a_port_that_is_taken(dashcam: Dashcam) -> None:
    with taken_port() as port:
        done = dashcam("up", "--listen", f"127.0.0.1:{port}", "--api", "127.0.0.1:0", code=1)
        said_in_one_line(done, str(port))
        done = dashcam("up", "--listen", "127.0.0.1:0", "--api", f"127.0.0.1:{port}", code=1)
        said_in_one_line(done, str(port))


def test_a_store_of_a_newer_version(dashcam: Dashcam) -> None:
    record(dashcam)
    store = dashcam.folder / "recordings" / "dashcam.db"
    with sqlite3.connect(store) as database:
        database.execute("pragma user_version = 9999")
        tables = {name for (name,) in database.execute("select name from sqlite_master")}
        for table in tables & {"migrations", "_migrations", "schema_migrations"}:
            columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
            names = ", ".join(columns)
            marks = ", ".join("?" * len(columns))
            database.execute(
                f"insert into {table} ({names}) values ({marks})",  # noqa: S608 - names from the schema
                ["9999_from_the_future"] * len(columns),
            )
    database.close()
    for command in (["runs"], ["show", "last"], ["run", "--", "true"]):
        said_in_one_line(dashcam(*command, code=1), "newer")


def test_a_recording_cut_in_the_middle(dashcam: Dashcam) -> None:
    record(dashcam)
    dashcam("export", "one", "--to", "one.dashcam.jsonl")
    whole = (dashcam.folder / "one.dashcam.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    cut = dashcam.folder / "cut.dashcam.jsonl"
    for data in (
        b"".join(lines[:-1]),
        whole[: -len(lines[-1]) // 2],
        whole[: len(whole) // 2],
    ):
        cut.write_bytes(data)
        for command in (
            ["import", cut.name],
            ["show", cut.name],
            ["replay", cut.name, "--", "true"],
        ):
            said_in_one_line(dashcam(*command, code=1), cut.name, "line")


def test_a_recording_of_a_newer_version(dashcam: Dashcam) -> None:
    record(dashcam)
    dashcam("export", "one", "--to", "one.dashcam.jsonl")
    path = dashcam.folder / "one.dashcam.jsonl"
    head, rest = path.read_text("utf-8").split("\n", 1)
    version = json.loads(head)
    numbers = {key: 999 for key, value in version.items() if type(value) is int}
    assert numbers, head
    path.write_text(json.dumps({**version, **numbers}) + "\n" + rest, "utf-8")
    said_in_one_line(dashcam("import", path.name, code=1), "newer")


def test_an_unknown_run(dashcam: Dashcam) -> None:
    record(dashcam)
    for command in (["show", "nope"], ["replay", "nope", "--", "true"], ["export", "nope"]):
        said_in_one_line(dashcam(*command, code=1), "nope")


def test_a_command_that_is_not_there(dashcam: Dashcam) -> None:
    done = dashcam("run", "--", "no-such-command", code=127)
    assert "no-such-command" in done.err
    assert "Traceback" not in done.err


def test_a_folder_that_cannot_be_written(dashcam: Dashcam, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    done = dashcam("--store", "sqlite:///blocked/dashcam.db", "run", "--", "true", code=1)
    said_in_one_line(done, "blocked")


def test_wrong_usage_is_told(dashcam: Dashcam) -> None:
    for command in (["nope"], ["run"], ["show"], ["runs", "--since", "never"]):
        done = dashcam(*command, code=2)
        assert "Traceback" not in done.err
        assert "Error: " in done.err or done.err.startswith("dashcam: ")
