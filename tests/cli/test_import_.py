import json
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.model import Snapshot
from proxy.core.recording import dump
from proxy.stores import open_store
from tests.cli.conftest import URL, Dashcam, Fill
from tests.cli.samples import support_run


def write(name: str, snapshot: Snapshot) -> str:
    Path(name).write_bytes(b"".join(dump(snapshot)))
    return name


def ids(dashcam: Dashcam) -> list[str]:
    return sorted(run["id"] for run in json.loads(dashcam("runs", "--json").out))


def test_out_and_in_again_loses_nothing(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    dashcam("export", "last", "--to", "a.dashcam.jsonl")
    other = ("--store", "sqlite:///other.db")
    done = dashcam("import", "a.dashcam.jsonl", *other)
    assert (done.code, done.out) == (0, "")
    assert done.err == "a.dashcam.jsonl: imported run_a\n1 run imported, 0 there already\n"
    dashcam("export", "last", "--to", "b.dashcam.jsonl", *other)
    assert Path("a.dashcam.jsonl").read_bytes() == Path("b.dashcam.jsonl").read_bytes()
    assert dashcam("show", "last", *other).out == dashcam("show", "last").out
    assert dashcam("verify", *other).code == 0


def test_importing_makes_the_store(dashcam: Dashcam) -> None:
    assert dashcam("import", write("a.dashcam.jsonl", support_run())).code == 0
    assert ids(dashcam) == ["run_a"]


def test_a_run_that_is_there_is_skipped(dashcam: Dashcam) -> None:
    name = write("a.dashcam.jsonl", support_run())
    dashcam("import", name)
    done = dashcam("import", name, name)
    assert done.code == 0
    assert done.err.splitlines() == [
        "a.dashcam.jsonl: skipped run_a",
        "a.dashcam.jsonl: skipped run_a",
        "0 runs imported, 2 there already",
    ]


def test_the_same_file_twice_is_one_run(dashcam: Dashcam) -> None:
    name = write("a.dashcam.jsonl", support_run())
    assert dashcam("import", name, name).code == 0
    assert ids(dashcam) == ["run_a"]


def test_another_run_of_the_same_id_is_refused_or_renamed(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    made = support_run()
    made.exchanges[0] = replace(made.exchanges[0], lane="fast")
    good = write("b.dashcam.jsonl", support_run("run_b"))
    clash = write("a.dashcam.jsonl", made)
    done = dashcam("import", good, clash)
    assert done.code == 1
    assert "a.dashcam.jsonl: the store has another run run_a\n--rename imports it" in done.err
    assert ids(dashcam) == ["run_a"]
    renamed = dashcam("import", good, clash, "--rename", "--json")
    assert json.loads(renamed.out) == [
        {"file": "b.dashcam.jsonl", "run": "run_b", "state": "imported", "renamed_from": None},
        {"file": "a.dashcam.jsonl", "run": "run_a-2", "state": "imported", "renamed_from": "run_a"},
    ]
    assert ids(dashcam) == ["run_a", "run_a-2", "run_b"]
    assert dashcam("show", "run_a-2", "--call", "1").code == 0
    again = dashcam("import", clash, "--rename")
    assert again.err.splitlines()[0] == "a.dashcam.jsonl: skipped run_a-2 (was run_a)"
    assert ids(dashcam) == ["run_a", "run_a-2", "run_b"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("none.dashcam.jsonl", None, "none.dashcam.jsonl"),
        ("cut.dashcam.jsonl", -40, "line "),
        ("changed.dashcam.jsonl", b"gpt-4o", "line "),
        ("newer.dashcam.jsonl", b'"version":1', "line 1: written by a newer Dashcam"),
    ],
)
def test_bad_files_leave_the_store_as_it_was(
    dashcam: Dashcam, name: str, data: bytes | int | None, said: str
) -> None:
    good = write("good.dashcam.jsonl", support_run("run_good"))
    whole = b"".join(dump(support_run()))
    if isinstance(data, int):
        Path(name).write_bytes(whole[:data])
    elif data is not None:
        Path(name).write_bytes(whole.replace(data, data[:-1] + b"9", 1))
    done = dashcam("import", good, name)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert done.err.startswith("dashcam: ")
    assert not Path("recordings/dashcam.db").exists()


def test_a_secret_in_a_file_does_not_reach_the_store(dashcam: Dashcam, folder: Path) -> None:
    key = "sk-proj-" + "Ab3dEf6hIj9kLm2nOp5q" * 2 + "T3BlbkFJ" + "Ab3dEf6hIj9kLm2nOp5q"
    made = support_run()
    request = replace(
        made.exchanges[0].request,
        headers=((b"Authorization", f"Bearer {key}".encode()), *made.exchanges[0].request.headers),
    )
    made.exchanges[0] = replace(made.exchanges[0], request=request)
    assert dashcam("import", write("a.dashcam.jsonl", made)).code == 0
    store = open_store(URL)
    kept = dict(store.exchange("ex_run_a_1").request.headers)
    store.close()
    assert key.encode() not in kept[b"Authorization"]
    for path in (folder / "recordings").iterdir():
        assert key.encode() not in path.read_bytes()
