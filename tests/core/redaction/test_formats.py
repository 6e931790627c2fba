"""The table of formats, and its page."""

import re
from pathlib import Path

from proxy.core.redaction.formats import KEY_FORMATS

PAGE = Path(__file__).parents[3] / "docs" / "secrets.md"


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("<!-- formats -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"^\| `([a-z0-9]+)` \| (.+?) \| (.+) \|$", table, re.MULTILINE)
    shown = {
        (kind, what, lead) for kind, what, leads in rows for lead in re.findall("`([^`]+)`", leads)
    }
    assert shown == {(row.kind, row.what, row.looks) for row in KEY_FORMATS}


def test_no_row_is_there_twice() -> None:
    rows = [(row.lead, row.keep, row.tail) for row in KEY_FORMATS]
    assert len(rows) == len(set(rows))
