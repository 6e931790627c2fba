"""`sections`: headings that the output must have: lines that begin so, marks of headings aside."""

import re
from collections.abc import Iterator
from typing import Any, Final

from proxy.core.checks._api import Trial
from proxy.core.checks._wanted import texts

_MARKS: Final = re.compile(r"^[\s#*_=>\d.)-]*")


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Each section that is missing."""
    lines = [_MARKS.sub("", line).lower() for line in trial.output.splitlines()]
    for section in texts("sections", wanted):
        start = _MARKS.sub("", section).lower()
        if not any(line.startswith(start) for line in lines):
            yield f"the output has no section {section!r}"
