"""Every format against its golden file in tests/data/exported."""

from pathlib import Path

import pytest

from proxy.core.model import Run, Snapshot
from proxy.exporters import EXPORTERS
from proxy.importers import IMPORTERS
from tests.exporters.sample import snapshot

GOLDEN = Path(__file__).parents[1] / "data" / "exported"


@pytest.mark.parametrize("name", EXPORTERS)
def test_golden_files(name: str) -> None:
    exporter = EXPORTERS[name]
    expected = (GOLDEN / f"run{exporter.suffix}").read_bytes()
    assert b"".join(exporter.export(snapshot())) == expected


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_order_of_a_store_does_not_matter(name: str) -> None:
    one, other = snapshot(), snapshot()
    other.exchanges.reverse()
    other.events.reverse()
    other.outcomes.reverse()
    pieces = [b"".join(EXPORTERS[name].export(run)) for run in (one, other)]
    assert pieces[0] == pieces[1]


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_run_without_anything(name: str) -> None:
    data = b"".join(EXPORTERS[name].export(Snapshot(Run("r1", "L", "c", 1.0))))
    assert data == b"" if name == "jsonl" else data.endswith(b"\n")


def test_every_suffix_is_one_of_its_own() -> None:
    suffixes = [exporter.suffix for exporter in EXPORTERS.values()]
    assert len(set(suffixes)) == len(suffixes)


def test_every_format_has_a_heading_in_the_docs() -> None:
    text = (GOLDEN.parents[2] / "docs" / "recordings.md").read_text()
    assert all(f"\n### {name}\n" in text for name in {*EXPORTERS, *IMPORTERS})


def test_no_golden_file_is_left_over() -> None:
    written = {f"run{exporter.suffix}" for exporter in EXPORTERS.values()}
    assert {path.name for path in GOLDEN.iterdir()} == written
