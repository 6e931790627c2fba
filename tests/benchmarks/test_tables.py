import json
from pathlib import Path

import pytest

from benchmarks._load import ratio, row
from benchmarks._peers import PEERS, At, version_of
from benchmarks.forward import insert


def _round(ours: float, theirs: float) -> dict[str, dict[str, float]]:
    fields = ("rps", "cpu_us", "lat_p50", "ttfb_p50")
    return {"ours": dict.fromkeys(fields, ours), "peer": dict.fromkeys(fields, theirs)}


def test_a_ratio_is_taken_within_each_round() -> None:
    found = [_round(10, 1), _round(30, 10), _round(8, 2)]
    assert ratio(found, "ours", "peer", "rps") == "4.00 [3.00-10.00]"
    assert ratio(found, "peer", "ours", "rps") == "0.25 [0.10-0.33]"


def test_a_row_says_who_with_whom_and_what_that_one_costs() -> None:
    found = [_round(2, 4000), _round(2, 2000), _round(2, 3000)]
    said = row("a case", found, "ours", "peer")
    assert said.startswith("| a case | `ours` | `peer` (3.0 ms) | 0.00 [0.00-0.00] |")
    assert said.count("|") == 8


def test_a_table_takes_the_place_of_the_older_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- peers -->\nold\n<!-- /peers -->\nafter\n", "utf-8")
    insert(page, "peers", "new")
    insert(page, "peers", "newer")
    assert page.read_text("utf-8") == ("before\n<!-- peers -->\n\nnewer\n<!-- /peers -->\nafter\n")


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_not_there_has_no_version(name: str, tmp_path: Path) -> None:
    assert version_of(name, tmp_path) is None


def test_the_recorded_imposters_are_replayed_at_another_port(tmp_path: Path) -> None:
    saved = {"imposters": [{"port": 1, "protocol": "http", "stubs": [{"responses": []}]}]}
    (tmp_path / "saved.json").write_text(json.dumps(saved), "utf-8")
    target = PEERS["mountebank"].start(At(tmp_path, tmp_path, "http://127.0.0.1:1", "replay"))
    told = json.loads((tmp_path / "imposters.json").read_text("utf-8"))
    assert told["imposters"] == [{**saved["imposters"][0], "port": target.port}]
    assert target.port != 1
