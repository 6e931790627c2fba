"""The user's rules."""

import pytest

from proxy.core.redaction.rules import Pattern, Rules
from proxy.errors import ConfigError


def test_good_rules() -> None:
    rules = Rules(
        patterns=(Pattern("customer", "CUST-[0-9]+"),), json_paths=("$.a",), pii=("mail", "all")
    )
    assert rules.patterns[0].compiled.fullmatch(b"CUST-1")
    assert Rules() == Rules()
    assert hash(rules) == hash(rules)


@pytest.mark.parametrize(
    ("kind", "regex", "says"),
    [
        ("Customer", "x", "cannot be used"),
        ("a-b", "x", "cannot be used"),
        ("x" * 17, "x", "cannot be used"),
        ("x", "(", "'x': missing"),
        ("x", "a*", "matches the empty text"),
    ],
)
def test_bad_patterns(kind: str, regex: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Pattern(kind, regex)


def test_bad_paths_and_words() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Rules(json_paths=("user.ssn",))
    with pytest.raises(ConfigError, match="unknown kind of personal data 'passport'") as caught:
        Rules(pii=("passport",))
    assert caught.value.hint == "one of mail, phone, iban, card, all"
