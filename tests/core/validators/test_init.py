"""What holds for the table as a whole."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import validators
from proxy.core.validators import VALIDATORS, Material, Violation, validate
from tests.conformance.wire_samples import Sample, samples
from tests.core.validators.payloads import JSON, SSE, exchange, material, openai

ROOT = Path(__file__).parents[3]


def test_every_validator_has_a_heading_in_the_docs_in_order() -> None:
    text = (ROOT / "docs" / "validation.md").read_text()
    names = [validator.name for validator in VALIDATORS]
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == names


def test_all_that_is_wrong_is_found_in_the_tables_order() -> None:
    found = validate(material(openai(("crm_find", "{}"), ("x", "{}"))))
    assert [(one.validator, one.violation.keyword) for one in found] == [
        ("tool_arguments", "required"),
        ("tool_arguments", "unknown_tool"),
    ]


def test_a_validator_that_fails_says_so_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_: Material) -> Iterator[Violation]:
        raise KeyError("oops")
        yield

    broken = SimpleNamespace(name="broken", check=check)
    monkeypatch.setattr(validators, "VALIDATORS", (broken, *VALIDATORS))
    first, *rest = validate(material(openai(("x", "{}"))))
    assert (first.validator, first.violation.keyword) == ("broken", "unchecked")
    assert "KeyError" in first.violation.message
    assert [one.violation.keyword for one in rest] == ["unknown_tool"]


@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
@settings(deadline=None, max_examples=60)
def test_no_bytes_make_it_raise(sent: bytes, got: bytes, streamed: bool) -> None:
    headers = SSE if streamed else JSON
    for url in ("https://api.openai.com/v1/chat/completions", "https://crm.test/x"):
        for found in validate(material(exchange(url, sent, got, headers=headers))):
            assert found.violation.keyword != "unchecked"


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_every_recorded_format_can_be_validated(sample: Sample) -> None:
    found = validate(material(sample.exchange))
    assert [one for one in found if one.violation.keyword == "unchecked"] == []
