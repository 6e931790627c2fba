"""The release numbers: every test that is worth repeating a thousand times, repeated so often.

    python scripts/gauntlet.py [--minutes 33] [--jobs 2] [NAME...]

Each row has a share of the time; on a slow machine it ends before its full count, and says how far
it came. What the rows said is written into docs/reliability.md, between its marks; with NAMEs only
these rows are run, and the others' results left alone. Variables that are set already say how
often (`DASHCAM_KILLS=100`).
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- gauntlet -->\n", "<!-- end of gauntlet -->\n"
HEAD = "| test | result | of | seconds | on |\n|---|---|---|---|---|\n"
# A process that is killed leaves what it has written to the system, and power cuts are worked out
# from a log of the operations: neither needs a disk, which would be most of the time.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder in memory
_SHOWN = 5000  # characters of what a row that failed has printed
_START = 40  # seconds that a row takes beside what it counts: pytest, the loader, the last look


class Row(NamedTuple):
    """A row of the table: what pytest is given, its share of the time, what it would count to.

    `parts` are the tests that share the row's time; `variables` are beside DASHCAM_GAUNTLET.
    """

    args: str
    share: float
    full: str
    parts: int = 1
    variables: dict[str, str] = {}  # noqa: RUF012 - never changed


ROWS = {  # the longest first
    "kill -9 of a writing store": Row(
        "tests/stores/test_sqlite_processes.py -k 'killed_writer or too_early'",
        14,
        "10,000 kills",
        variables={"DASHCAM_STORE_KILLS": "10000"},
    ),
    "kill -9 under load": Row(
        "tests/e2e/test_kill.py", 9, "1,000 kills", variables={"DASHCAM_KILLS": "1000"}
    ),
    "secrets": Row(
        "tests/conformance/test_secrets.py -k planted",
        6,
        "23,100 secrets: 66 formats, 14 places, 25 of each",
        variables={"DASHCAM_SECRETS": "25"},
    ),
    "each file operation fails": Row(
        "tests/stores/test_faults.py -k operation", 5, "every single one", 3
    ),
    "malformed requests": Row(
        "tests/addons/test_gauntlet.py", 4, "10,000 requests at each entrance", 5
    ),
    "power cuts": Row("tests/stores/test_faults.py -k power", 3, "10,000 cuts in each mode", 2),
    "tampering": Row("tests/stores/test_sqlite_chain_verify.py -k any_change", 2, "1,000 changes"),
    "look-alikes": Row(
        "tests/conformance/test_secrets.py -k looks_like",
        2,
        "3,000",
        variables={"DASHCAM_LOOKALIKES": "120"},
    ),
    "disk full": Row(
        "tests/stores/test_faults.py::test_a_full_disk_can_be_cleaned_up tests/e2e/test_faults.py",
        1,
        "-",
    ),
    "API without its token": Row("tests/servers/test_app.py", 1, "every route"),
}


def run(name: str, seconds: float) -> tuple[str, bool]:
    """A row of the table, and whether it passed; tests say their counts in lines after `# `."""
    row = ROWS[name]
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-s", "--timeout", f"{2 * seconds + 300:.0f}"]
    budget = max(1.0, (seconds - _START) / row.parts)
    own = {"DASHCAM_GAUNTLET": "1", "DASHCAM_BUDGET": f"{budget:.0f}", **row.variables}
    with tempfile.TemporaryDirectory(prefix="gauntlet-", dir=MEMORY) as folder:
        done = subprocess.run(  # noqa: S603 - our own tests
            [*command, "--basetemp", f"{folder}/tests", *shlex.split(row.args)],
            cwd=ROOT,
            env={**own, **os.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    said = re.findall(r"^\.*# (.*)$", done.stdout, re.MULTILINE)
    passed = done.returncode == 0
    if not passed:
        print(done.stdout[-_SHOWN:])
        said.append("**failed**")
    counts = "<br>".join(said or ["passed"])
    day = datetime.now(UTC).date().isoformat()
    line = f"| {name} | {counts} | {row.full} | {time.monotonic() - began:.0f} | {day} |"
    print(line, flush=True)
    return line, passed


def written(page: str, lines: dict[str, str]) -> str:
    """The page with these rows in its table, the others as they were."""
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    kept = {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines()[2:]}
    rows = {**kept, **lines}
    body = "".join(f"{rows[name]}\n" for name in ROWS if name in rows)
    return f"{before}{BEGIN}{HEAD}{body}{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """1 when a row failed, 2 for a name that is none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=33.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in ROWS]
    if unknown:
        print(f"no row {unknown[0]!r}; there are: {', '.join(ROWS)}")
        return 2
    wanted = given.names or list(ROWS)
    whole = sum(ROWS[name].share for name in wanted)
    each = given.minutes * 60 * given.jobs / whole  # seconds for a share of 1
    lines: dict[str, str] = {}
    failed = False

    def one(name: str) -> None:
        nonlocal failed
        lines[name], passed = run(name, each * ROWS[name].share)
        failed |= not passed
        PAGE.write_text(written(PAGE.read_text(), lines))

    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(one, wanted))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
