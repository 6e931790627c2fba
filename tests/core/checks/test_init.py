import pytest

from proxy.core.checks import CHECKS, Failure, check
from proxy.errors import ConfigError
from tests.core.checks.trials import trial


def test_all_that_is_wrong_in_the_tables_order() -> None:
    wanted = {"banned": ["sorry"], "max_length": 3, "outcome": "Completed", "sections": ["sorry"]}
    assert check(wanted, trial(output="sorry")) == [
        Failure("outcome", "the run ended as Tool Error: crm 401"),
        Failure("max_length", "the output has 5 characters, and may have 3"),
        Failure("banned", "the output says 'sorry'"),
    ]
    assert check({}, trial()) == []


def test_a_check_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="'max_lenght'") as error:
        check({"max_lenght": 3}, trial())
    assert all(name in str(error.value.hint) for name in CHECKS)
