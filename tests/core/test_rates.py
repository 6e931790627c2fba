from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import rates
from proxy.core.rates import Asked, amount

MINUTE = 29_900_000  # November 2026
MODELS = (
    ("openai", "gpt-5-mini", ()),
    ("openai", "gpt-4o", (("service_tier", "priority"),)),
    ("anthropic", "claude-sonnet-4-5", ()),  # dearer above 200,000 tokens
    ("google", "gemini-2.5-pro", ()),  # likewise
    ("deepseek", "deepseek-chat", ()),  # was cheaper at night
    ("groq", "llama-3.3-70b-versatile", ()),
    ("mistral", "mistral-large-latest", ()),
    ("x-ai", "grok-4", ()),
)


def listed(asked: Asked, counts: dict[str, int]) -> Decimal:
    """The package's own word."""
    return genai_prices.calc_price(
        genai_prices.Usage(**counts),
        asked.model,
        provider_id=asked.provider,
        genai_request_timestamp=datetime.fromtimestamp(asked.minute * 60, UTC),
        price_context=dict(asked.context),
    ).total_price


@given(
    model=st.sampled_from(MODELS),
    tokens=st.tuples(*[st.integers(0, 400_000)] * 2, *[st.integers(0, 100)] * 3),
)
def test_multiplied_rates_are_what_the_package_says(
    model: tuple[str, str, tuple[tuple[str, str], ...]], tokens: tuple[int, ...]
) -> None:
    read, wrote, cache_write, cached, thought = tokens
    counts = {
        "input_tokens": read + 1 + cached,
        "output_tokens": wrote + thought,
        "cache_read_tokens": cached,
        "cache_write_tokens": min(cache_write, read),
        "output_reasoning_tokens": thought,
    }
    counts = {name: count for name, count in counts.items() if count}
    asked = Asked(*model, MINUTE)
    assert amount(asked, counts, {}) == listed(asked, counts)


@pytest.mark.parametrize("tokens", [199_999, 200_000, 200_001])
def test_a_tier_begins_above_its_threshold(tokens: int) -> None:
    asked = Asked("google", "gemini-2.5-pro", (), MINUTE)
    counts = {"input_tokens": tokens, "output_tokens": 7}
    assert amount(asked, counts, {}) == listed(asked, counts)


def test_the_package_is_not_asked_again_in_the_same_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked("openai", "gpt-4o-mini", (), MINUTE + 1)
    amount(asked, {"input_tokens": 5, "output_tokens": 6}, {})
    monkeypatch.setattr(genai_prices, "calc_price", None)
    counts = {"input_tokens": 50_000, "output_tokens": 60}
    found = amount(asked, counts, {})
    monkeypatch.undo()
    assert found == listed(asked, counts)


def test_parts_that_exceed_the_whole_are_left_out() -> None:
    asked = Asked("openai", "gpt-4o", (), MINUTE)
    counts = {"input_tokens": 10, "output_tokens": 5}
    whole = amount(asked, counts, {})
    assert amount(asked, counts, {"input_audio_tokens": 500}) == whole
    assert amount(asked, {**counts, "cache_read_tokens": 500}, {}) is None


def test_a_model_without_a_price_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked("openai", "no-such-model", (), MINUTE)
    with pytest.raises(LookupError):
        amount(asked, {"input_tokens": 1}, {})
    monkeypatch.setattr(rates, "_found_tiers", None)
    with pytest.raises(LookupError):
        amount(asked, {"input_tokens": 1}, {})
