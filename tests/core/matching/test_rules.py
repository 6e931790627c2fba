import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.matching import IgnoreRule
from proxy.core.matching.rules import read, write
from proxy.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("json $.user.id", IgnoreRule("json", "$.user.id")),
        ("[GET crm.*] query t", IgnoreRule("query", "t", "GET crm.*")),
        (r"regex turn \d+ of [a-z] \d", IgnoreRule("regex", r"turn \d+ of [a-z] \d")),
        (
            "[mcp:crm/*]  header  accept-language ",
            IgnoreRule("header", "accept-language", "mcp:crm/*"),
        ),
    ],
)
def test_a_rule_as_a_line(line: str, rule: IgnoreRule) -> None:
    assert read(line) == rule
    assert read(write(rule)) == rule


_words = st.text("abc*/.: {}$", min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.sampled_from(["query", "header"]), _words, _words)
def test_what_is_written_is_read(target: str, pattern: str, step: str) -> None:
    rule = IgnoreRule(target, pattern, step)
    assert read(write(rule)) == rule


@pytest.mark.parametrize("line", ["", "json", "xml $.a", "json a.b", "regex (", "[GET a] query"])
def test_what_is_no_rule(line: str) -> None:
    with pytest.raises(ConfigError):
        read(line)
