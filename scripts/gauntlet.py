"""The release numbers: every test that is worth repeating a thousand times, repeated so often.

Runs two rows at a time and writes what they said into docs/reliability.md, between its marks.
`python scripts/gauntlet.py [NAME...]` runs only these rows and leaves the others' results alone;
variables that are set already say how often (`DASHCAM_KILLS=100`).
"""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- gauntlet -->\n", "<!-- end of gauntlet -->\n"
HEAD = "| test | result | seconds | on |\n|---|---|---|---|\n"
LIMIT = 2400  # seconds for a row; all of them take less than 40 minutes on two cores


class Row(NamedTuple):
    """A row of the table: what pytest is given, and variables beside DASHCAM_GAUNTLET."""

    args: str
    variables: dict[str, str] = {}  # noqa: RUF012 - never changed


ROWS = {  # the longest first
    "kill -9 under load": Row("tests/e2e/test_kill.py", {"DASHCAM_KILLS": "1000"}),
    "kill -9 of a writing store": Row(
        "tests/stores/test_sqlite.py -k killed_writer", {"DASHCAM_STORE_KILLS": "10000"}
    ),
    "power cuts": Row("tests/stores/test_faults.py -k power"),
    "each file operation fails": Row("tests/stores/test_faults.py -k operation"),
    "tampering": Row("tests/stores/test_sqlite_chain_verify.py -k any_change"),
    "malformed requests": Row("tests/addons/test_gauntlet.py"),
}


def run(name: str) -> tuple[str, bool]:
    """A row of the table, and whether it passed; tests say their counts in lines after `# `."""
    row = ROWS[name]
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-s", "--timeout", str(LIMIT)]
    done = subprocess.run(  # noqa: S603 - our own tests
        [*command, *row.args.split()],
        cwd=ROOT,
        env={"DASHCAM_GAUNTLET": "1", **row.variables, **os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = re.findall(r"^\.*# (.*)$", done.stdout, re.MULTILINE)
    passed = done.returncode == 0
    if not passed:
        print(done.stdout)
        said.append("**failed**")
    counts = "<br>".join(said or ["passed"])
    day = datetime.now(UTC).date().isoformat()
    line = f"| {name} | {counts} | {time.monotonic() - began:.0f} | {day} |"
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


def main(names: list[str]) -> int:
    """1 when a row failed, 2 for a name that is none."""
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        print(f"no row {unknown[0]!r}; there are: {', '.join(ROWS)}")
        return 2
    wanted = names or list(ROWS)
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(wanted, pool.map(run, wanted), strict=True))
    lines = {name: line for name, (line, _) in results.items()}
    PAGE.write_text(written(PAGE.read_text(), lines))
    return 0 if all(passed for _, passed in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
