import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import START, support_run

DAY = 86400.0


@pytest.fixture
def three(fill: Fill) -> None:
    billing = support_run("run_b", label="Billing", at=START - DAY)
    billing.outcomes.clear()
    billing.run.ended_at = None
    good = support_run("run_c", at=START + DAY)
    good.outcomes[0] = type(good.outcomes[0])(
        "run_c", "SupportAgent", "Completed", None, None, None, None, START + DAY
    )
    fill(support_run(), billing, good)


def ids(out: str) -> list[str]:
    return re.findall(r"^(run_\w+)", out, re.MULTILINE)


@pytest.mark.usefixtures("three")
def test_newest_first_in_aligned_columns(dashcam: Dashcam) -> None:
    done = dashcam("runs")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert re.sub(" {2,}", "  ", lines[0]).split("  ") == [
        "run",
        "label",
        "started",
        "took",
        "calls",
        "errors",
        "outcome",
        "reason",
    ]
    assert re.sub(" {2,}", "  ", lines[1]) == (
        "run_c  SupportAgent  2026-02-13 09:41:22  8.00 s  6  2  Completed"
    )
    assert re.sub(" {2,}", "  ", lines[2]) == (
        "run_a  SupportAgent  2026-02-12 09:41:22  8.00 s  6  2  Tool Error  CRM 401: token expired"
    )
    assert lines[3].startswith("run_b  Billing       2026-02-11 09:41:22")
    assert lines[3].split()[-1] == "open"
    assert (
        len(
            {
                line.index(word)
                for line, word in zip(lines[1:], ["Comp", "Tool", "open"], strict=True)
            }
        )
        == 1
    )


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("args", "found"),
    [
        (("--label", "Billing"), ["run_b"]),
        (("--outcome", "Failed"), ["run_a"]),
        (("--outcome", "completed"), ["run_c"]),
        (("--outcome", "Tool Error"), ["run_a"]),
        (("--outcome", "timeout"), []),
        (("--outcome", "open"), ["run_b"]),
        (("--since", "2026-02-12"), ["run_c", "run_a"]),
        (("--until", "2026-02-12"), ["run_b"]),
        (("--text", "Bill"), ["run_b"]),
        (("--search", "ok tru*"), ["run_c", "run_a", "run_b"]),
        (("--search", "nowhere"), []),
        (("--limit", "1"), ["run_c"]),
    ],
)
def test_filters(dashcam: Dashcam, args: tuple[str, ...], found: list[str]) -> None:
    done = dashcam("runs", *args)
    assert done.code == 0
    assert ids(done.out) == found
    assert done.err == ("" if found else "no run matches\n") or "--limit" in args
    assert [run["id"] for run in json.loads(dashcam("runs", "--json", *args).out)] == found


@pytest.mark.usefixtures("three")
def test_a_list_that_was_cut_says_so(dashcam: Dashcam) -> None:
    assert dashcam("runs", "--limit", "2").err == "the newest 2; --limit N shows more\n"


@pytest.mark.usefixtures("three")
def test_json(dashcam: Dashcam) -> None:
    found = json.loads(dashcam("runs", "--json", "--limit", "2").out)[1]
    assert found == {
        "id": "run_a",
        "label": "SupportAgent",
        "correlationId": "ticket-18422",
        "startedAt": "2026-02-12T09:41:22.000Z",
        "endedAt": "2026-02-12T09:41:30.000Z",
        "durationMs": 8000.0,
        "calls": 6,
        "errors": 2,
        "outcome": "Failed",
        "failureMode": "Tool Error",
        "reason": "CRM 401: token expired",
        "metadata": {"command": ["sh", "-c"], "ticketId": 18422},
    }


@pytest.mark.parametrize("store", ["missing", "empty"])
def test_nothing_yet_is_said_and_no_error(dashcam: Dashcam, fill: Fill, store: str) -> None:
    if store == "empty":
        fill()
    done = dashcam("runs")
    assert (done.code, done.out) == (0, "")
    assert (
        done.err == "no recordings yet at recordings/dashcam.db; record with `dashcam run -- CMD`\n"
    )
    assert json.loads(dashcam("runs", "--json").out) == []


def test_reading_makes_no_store(dashcam: Dashcam, folder: Path) -> None:
    dashcam("runs")
    dashcam("show", "last")
    dashcam("outcomes")
    dashcam("verify")
    assert list(folder.iterdir()) == []
