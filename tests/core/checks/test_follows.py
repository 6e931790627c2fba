from dataclasses import replace
from typing import Any

import pytest

from proxy.core.checks import Trial
from proxy.core.checks.follows import check
from proxy.errors import ConfigError
from tests.core.checks.trials import missed, served, trial

UNUSED = [{"seq": 2, "step": "b"}, {"seq": 5, "step": "e"}]
NEW = "a call was made that is not recorded: POST http://a/token"


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        (trial(served(1), served(2)), True, []),
        (
            trial(served(1), unused=UNUSED),
            True,
            ["recorded call 2 was not made: b", "recorded call 5 was not made: e"],
        ),
        (trial(served(1), served(3), unused=UNUSED), 3, ["recorded call 2 was not made: b"]),
        (trial(served(1), missed()), True, [NEW]),
        (trial(served(1), missed()), 1, []),
        (trial(missed(), served(1)), 1, [NEW]),
        (trial(missed()), 1, [NEW]),
        (trial(*[missed()] * 7), True, [*[NEW] * 5, "and 2 more that are not recorded"]),
        (trial(diverged=[{"seq": 1, "step": "a"}]), True, ["call 1 was made otherwise: a"]),
        (trial(missed(), unused=UNUSED), False, []),
    ],
)
def test_follows(found: Trial, wanted: Any, said: list[str]) -> None:
    assert list(check(found, wanted)) == said


def test_a_call_that_was_dropped_is_nothing_new_once() -> None:
    dropped = replace(trial(missed(), served(1)), left_out=["POST a/token"])
    assert list(check(dropped, True)) == []
    twice = replace(trial(missed(), missed(), served(1)), left_out=["POST a/token", "GET b"])
    assert list(check(twice, True)) == [NEW]


def test_what_cannot_be_understood() -> None:
    with pytest.raises(ConfigError):
        list(check(trial(), "all"))
