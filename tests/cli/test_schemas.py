"""`dashcam schemas`: list, infer, check."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from proxy.core.model import Body, Event, Exchange, RequestHead, ResponseHead, Run, Snapshot
from proxy.engine.understand import events_of
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import START

JSON = ((b"content-type", b"application/json"),)
GOOD = {"customerId": "cust-0042", "tier": "gold", "orders": [{"id": 1, "total": 2.5}]}
RENAMED = {"customer_id": "cust-0042", "tier": "gold", "orders": [{"id": "1", "total": 2.5}]}
STEP = "GET crm.example.com/customers/{id}"


def call(run: str, seq: int, answer: Any, *, status: int = 200, at: float = START) -> Exchange:
    return Exchange(
        id=f"ex_{run}_{seq}",
        run_id=run,
        seq=seq,
        via="forward",
        started_at=at + seq,
        request=RequestHead("GET", "https", "crm.example.com", 443, f"/customers/{40 + seq}"),
        response=ResponseHead(status, "OK", headers=JSON),
        response_body=Body(json.dumps(answer).encode()),
        ended_us=1000,
    )


def snapshot(run: str, answers: Iterable[Any], at: float = START) -> Snapshot:
    exchanges = [call(run, seq, answer, at=at) for seq, answer in enumerate(answers, 1)]
    events: list[Event] = [events_of(one)[0] for one in exchanges]
    for number, event in enumerate(events, 1):
        event.id = number
    ended = Run(run, "Support", run, at, ended_at=at + 60, outcome="Completed")
    return Snapshot(ended, exchanges, events)


@pytest.fixture
def two(fill: Fill) -> None:
    fill(
        snapshot("run_old", [GOOD, GOOD, {**GOOD, "note": "x"}]),
        snapshot("run_new", [GOOD, RENAMED], at=START + 1000),
    )


@pytest.mark.usefixtures("two")
def test_infer_writes_a_first_schema_and_keeps_what_is_there(
    dashcam: Dashcam, folder: Path
) -> None:
    done = dashcam("schemas", "infer", "run_old")
    assert (done.code, done.err) == (0, "")
    file = folder / "schemas" / "crm.example.com-customers-id-get.json"
    made = json.loads(file.read_text())
    assert (made["match"], made["mode"], made["observed"]) == (STEP, "observe", {"calls": 3})
    assert made["response"]["required"] == ["customerId", "tier", "orders"]
    assert made["response"]["properties"]["note"] == {"type": "string"}
    assert "request" not in made
    file.write_text(json.dumps({**made, "mode": "enforce"}))
    assert "kept: --force replaces it" in dashcam("schemas", "infer", "run_old").out
    assert json.loads(file.read_text())["mode"] == "enforce"
    assert dashcam("schemas", "infer", "run_old", "--force").code == 0
    assert json.loads(file.read_text()) == made


@pytest.mark.usefixtures("two")
def test_check_names_what_breaks_a_schema(dashcam: Dashcam, folder: Path) -> None:
    assert dashcam("schemas", "check", "run_new").code == 125
    dashcam("schemas", "infer", "run_old")
    assert dashcam("schemas", "check", "run_old").code == 0
    done = dashcam("schemas", "check", "last", "--json")
    found = json.loads(done.out)
    assert (done.code, found["exitCode"], len(found["compared"])) == (2, 2, 1)
    told = {(one["path"], one["change"]): one for one in found["findings"]}
    assert set(told) == {
        ("$.customerId", "required"),
        ("$.orders[*].id", "type"),
        ("$.customer_id", "added"),
    }
    assert "looks like the same field renamed" in told["$.customerId", "required"]["message"]
    assert told["$.customerId", "required"]["calls"] == 1
    assert dashcam("schemas", "check", "last", "--tool", "other*").code == 125
    shown = dashcam("schemas", "check", "run_new")
    assert "2 breaking, 1 not" in shown.err
    assert "$.orders[*].id" in shown.out


@pytest.mark.parametrize(
    ("now", "strict", "code", "changes"),
    [
        ([GOOD], False, 0, []),
        ([{**GOOD, "new": 1}], False, 0, ["added"]),
        ([{**GOOD, "new": 1}], True, 2, ["added"]),
        ([RENAMED], False, 2, ["renamed", "type"]),
        ([{"tier": "gold", "orders": []}], False, 2, ["vanished"]),
    ],
)
def test_check_names_what_differs_from_an_earlier_run(
    dashcam: Dashcam, fill: Fill, *, now: list[Any], strict: bool, code: int, changes: list[str]
) -> None:
    fill(snapshot("run_a", [GOOD, GOOD]), snapshot("run_b", now, at=START + 1000))
    flags = ["--strict"] if strict else []
    done = dashcam("schemas", "check", "run_b", "--against", "run_a", "--json", *flags)
    found = json.loads(done.out)
    assert (done.code, found["compared"]) == (code, [STEP])
    assert [one["change"] for one in found["findings"]] == changes


def test_list_shows_what_is_declared_and_what_cannot_be(dashcam: Dashcam, folder: Path) -> None:
    done = dashcam("schemas")
    assert (done.code, done.out) == (0, "")
    assert "schemas infer last" in done.err
    (folder / "schemas").mkdir()
    one = {"match": "POST crm.example.com/customers", "request": {"type": "object"}}
    (folder / "schemas" / "create.json").write_text(json.dumps(one))
    (folder / "schemas" / "find.json").write_text('{"type": "object"}')
    (folder / "schemas" / "bad.json").write_text("{")
    (folder / "dashcam.toml").write_text('[schemas]\nenforce = ["cre*"]\nwarn = ["*"]\n')
    done = dashcam("schemas", "list")
    assert done.code == 1
    assert "not a schema: schemas/bad.json: it is not JSON" in done.err
    assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [
        ["create", "enforce"],
        ["find", "warn"],
    ]
    found = json.loads(dashcam("schemas", "list", "--json", "--tool", "c*").out)
    assert found["schemas"] == [
        {
            "name": "create",
            "mode": "enforce",
            "appliesTo": "POST crm.example.com/customers",
            "sides": ["request"],
            "source": "schemas/create.json",
        }
    ]
    assert len(found["problems"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("list", "last"),
        ("list", "--against", "x"),
        ("check", "--force"),
        ("infer", "--strict"),
        ("bake",),
    ],
)
def test_wrong_usage(dashcam: Dashcam, wrong: tuple[str, ...]) -> None:
    assert dashcam("schemas", *wrong).code == 2


def test_infer_without_a_tool_says_so(dashcam: Dashcam, fill: Fill) -> None:
    fill(snapshot("run_a", []))
    done = dashcam("schemas", "infer", "run_a", "--json")
    assert (done.code, json.loads(done.out)) == (1, [])
    assert "no tool was called" in done.err
