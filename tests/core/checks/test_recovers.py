from dataclasses import replace

import pytest

from proxy.core.checks import Trial
from proxy.core.checks.recovers import check
from proxy.errors import ConfigError
from tests.core.checks.trials import COMPLETED, missed, served, trial


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (trial(served(1), served(2), served(3), outcome=COMPLETED), None),
        (trial(outcome=COMPLETED), None),
        (trial(served(1), served(2), missed()), None),
        (trial(served(1), served(2), served(3)), "nothing new was done about recorded call 2: crm"),
        (trial(served(1), missed(), served(2)), "nothing new was done about recorded call 2"),
        (trial(served(1), missed()), "never came to recorded call 2"),
        (trial(served(2), outcome=None), "the run has no outcome"),
    ],
)
def test_recovers(found: Trial, said: str | None) -> None:
    messages = list(check(found, 2))
    assert len(messages) == (said is not None)
    assert said is None or said in messages[0]


def test_a_call_that_was_dropped_is_no_recovery() -> None:
    found = trial(served(1), served(2), missed())
    assert list(check(replace(found, left_out=["POST a/token"]), 2))
    assert not list(check(replace(found, left_out=["POST b/token"]), 2))


def test_what_cannot_be_understood() -> None:
    with pytest.raises(ConfigError):
        list(check(trial(), "2"))
