"""`banned`: phrases that the output must not have, in whatever case and spacing."""

from collections.abc import Iterator
from typing import Any

from proxy.core.checks._api import Trial
from proxy.core.checks._wanted import texts


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Each banned phrase that was found."""
    output = " ".join(trial.output.split()).lower()
    for phrase in texts("banned", wanted):
        if " ".join(phrase.split()).lower() in output:
            yield f"the output says {phrase!r}"
