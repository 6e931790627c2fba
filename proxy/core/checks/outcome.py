"""`outcome`: how the run must end: Completed, Failed, or a failure mode; a list means any of it."""

from collections.abc import Iterator
from typing import Any

from proxy.core.checks._api import Trial
from proxy.core.checks._wanted import texts
from proxy.core.model import FAILURE_MODES
from proxy.errors import ConfigError

_KNOWN = ("Completed", "Failed", *FAILURE_MODES)


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """The outcome that counts."""
    allowed = texts("outcome", wanted)
    if unknown := [one for one in allowed if one not in _KNOWN]:
        raise ConfigError(f"there is no outcome {unknown[0]!r}", hint=f"it is {', '.join(_KNOWN)}")
    found = trial.outcome
    if found is None:
        yield f"the run has no outcome, and not {' or '.join(allowed)}"
    elif not {found.status, found.failure_mode} & {*allowed}:
        said = f": {trial.reason}" if trial.reason else ""
        yield f"the run ended as {found.failure_mode or found.status}{said}"
