import json
import re
from dataclasses import replace

import pytest

from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import START, support_run

DAY = 86400.0


@pytest.fixture(autouse=True)
def stored(fill: Fill) -> None:
    def run(name: str, label: str, at: float, mode: str | None) -> object:
        made = support_run(name, label=label, at=at)
        status = "Failed" if mode else "Completed"
        made.outcomes[0] = replace(made.outcomes[0], status=status, failure_mode=mode)
        return made

    still_open = support_run("run_4", label="Billing", at=START + DAY)
    still_open.outcomes.clear()
    still_open.run.ended_at = None
    still_open.run.metadata["version"] = "v2"
    for event in still_open.events:
        event.data.pop("call", None)
    fill(
        run("run_1", "SupportAgent", START, "Tool Error"),
        run("run_2", "SupportAgent", START, None),
        run("run_3", "SupportAgent", START + DAY, "Timeout"),
        still_open,
    )


def rows(out: str) -> list[list[str]]:
    return [re.split(" {2,}", line) for line in out.splitlines()]


def test_by_label(dashcam: Dashcam) -> None:
    assert rows(dashcam("outcomes").out) == [
        [
            "label",
            "runs",
            "completed",
            "Tool Error",
            "Bad Decision",
            "Bad Output",
            "Timeout",
            "Cost Blowup",
            "open",
        ],
        ["Billing", "1", "-", "0", "0", "0", "0", "0", "1"],
        ["SupportAgent", "3", "33.3%", "1", "0", "0", "1", "0", "0"],
    ]


@pytest.mark.parametrize(
    ("args", "keys"),
    [
        (("--by", "day"), {"2026-02-12": 2, "2026-02-13": 2}),
        (("--by", "model"), {"gpt-4o": 3, "(none)": 1}),
        (("--by", "version"), {"v2": 1, "(none)": 3}),
        (("--label", "Billing"), {"Billing": 1}),
        (("--since", "2026-02-13"), {"Billing": 1, "SupportAgent": 1}),
        (("--until", "2026-02-13"), {"SupportAgent": 2}),
        (("--label", "Nobody"), {}),
    ],
)
def test_groups_and_filters(dashcam: Dashcam, args: tuple[str, ...], keys: dict[str, int]) -> None:
    done = dashcam("outcomes", *args)
    assert {row[0]: int(row[1]) for row in rows(done.out)[1:]} == keys
    assert done.err == ("" if keys else "no run matches\n")


def test_json(dashcam: Dashcam) -> None:
    assert json.loads(dashcam("outcomes", "--json", "--label", "SupportAgent").out) == [
        {
            "label": "SupportAgent",
            "runs": 3,
            "open": 0,
            "completedRate": 1 / 3,
            "outcomes": {
                "Completed": 1,
                "Tool Error": 1,
                "Bad Decision": 0,
                "Bad Output": 0,
                "Timeout": 1,
                "Cost Blowup": 0,
            },
        }
    ]
