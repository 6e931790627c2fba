from typing import Any

import pytest

from proxy.core.calls import Call, Message, Usage
from proxy.core.pricing import Price, price
from proxy.core.wire import decode_call
from tests.conformance.wire_samples import samples

AT = 1_794_000_000.0  # November 2026
REPLY = Message("assistant", "x")


def call(
    model: str = "gpt-4o",
    *,
    provider: str | None = "openai",
    usage: Usage | None = None,
    tier: str | None = None,
    served: str | None = None,
) -> Call:
    return Call(
        "llm_call",
        "s",
        "p",
        provider=provider,
        model=model,
        served_model=served,
        reply=REPLY,
        usage=usage or Usage(1_000_000, 100_000, source="exact"),
        service_tier=tier,
    )


def test_listed_prices() -> None:
    found = price(call(), AT)
    assert found.amount_usd == pytest.approx(2.5 + 1.0)
    assert found.source == "genai-prices"
    assert found.version is not None


def test_cached_tokens_are_cheaper_and_part_of_the_input() -> None:
    usage = Usage(1_000_000, 0, cache_read_tokens=500_000, source="exact")
    assert price(call(usage=usage), AT).amount_usd == pytest.approx(1.25 + 0.625)


def test_anthropics_writes_for_an_hour_cost_more() -> None:
    creation = {"ephemeral_1h_input_tokens": 1_000_000}
    plain = Usage(1_000_000, 1, cache_write_tokens=1_000_000, source="exact")
    hour = Usage(
        1_000_000, 1, cache_write_tokens=1_000_000, source="exact", raw={"cache_creation": creation}
    )
    cheap, dear = (
        price(call("claude-sonnet-4-5", provider="anthropic", usage=usage), AT).amount_usd
        for usage in (plain, hour)
    )
    assert cheap is not None
    assert dear is not None
    assert dear > cheap


def test_audio_costs_more_than_text() -> None:
    details = {"input_token_details": {"audio_tokens": 1_000_000}}
    usage = Usage(1_000_000, 1, source="exact", raw=details)
    text = price(call("gpt-realtime"), AT).amount_usd
    audio = price(call("gpt-realtime", usage=usage), AT).amount_usd
    assert text is not None
    assert audio is not None
    assert audio > text
    spoken = {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1_000_000}]}
    gemini = [
        price(
            call(
                "gemini-2.5-flash",
                provider="gcp.gemini",
                usage=Usage(1_000_000, 1, source="exact", raw=raw),
            ),
            AT,
        ).amount_usd
        for raw in ({}, spoken)
    ]
    assert gemini[0] is not None
    assert gemini[1] is not None
    assert gemini[1] > gemini[0]


UNKNOWN: list[tuple[str, Call]] = [
    ("a model that nobody lists", call("my-own-model")),
    ("no provider", call(provider=None)),
    ("a provider without prices", call("qwen3:8b", provider="ollama")),
    ("no counts", call(usage=Usage())),
    ("no output count", call(usage=Usage(1000, None, source="estimated"))),
    ("no input count", call(usage=Usage(None, 10, source="estimated"))),
]


@pytest.mark.parametrize(("why", "given"), UNKNOWN)
def test_unknown_is_none_never_zero(why: str, given: Call) -> None:
    assert price(given, AT) == Price(None, None, None), why


def test_parts_that_exceed_the_whole_are_left_out() -> None:
    odd = {"prompt_tokens_details": {"audio_tokens": 5_000_000}}
    usage = Usage(1_000_000, 100_000, source="exact", raw=odd)
    assert price(call(usage=usage), AT).amount_usd == pytest.approx(3.5)
    usage = Usage(10, 1, cache_read_tokens=50, source="exact")
    assert price(call(usage=usage), AT) == Price()


def test_the_served_model_counts_and_the_asked_one_helps_out() -> None:
    mini = price(call("gpt-4o", served="gpt-4o-mini-2024-07-18"), AT).amount_usd
    assert mini == pytest.approx(0.15 + 0.06)
    assert price(call("gpt-4o", served="unlisted"), AT).amount_usd == pytest.approx(3.5)


def test_bedrock_models_may_be_named_by_an_arn() -> None:
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    arn = f"arn:aws:bedrock:us-east-1:1:inference-profile/{name}"
    by_name, by_arn = (price(call(m, provider="aws.bedrock"), AT) for m in (name, arn))
    assert by_name.amount_usd is not None
    assert by_name == by_arn


TIERS = [
    ("openai", "gpt-5", "flex", 0.5),
    ("openai", "gpt-5", "priority", 2.0),
    ("openai", "gpt-5", "default", 1.0),
    ("anthropic", "claude-sonnet-4-5", "batch", 0.5),
    ("anthropic", "claude-sonnet-4-5", "standard", 1.0),
]


@pytest.mark.parametrize(("provider", "model", "tier", "factor"), TIERS)
def test_the_service_tier_counts(provider: str, model: str, tier: str, factor: float) -> None:
    usual = price(call(model, provider=provider), AT).amount_usd
    found = price(call(model, provider=provider, tier=tier), AT).amount_usd
    assert usual is not None
    assert found == pytest.approx(usual * factor)


def test_a_fast_mode_costs_more() -> None:
    usage = Usage(1_000_000, 100_000, source="exact", raw={"speed": "fast"})
    usual = price(call("claude-opus-5", provider="anthropic"), AT).amount_usd
    fast = price(call("claude-opus-5", provider="anthropic", usage=usage), AT).amount_usd
    assert usual is not None
    assert fast is not None
    assert fast > usual


def test_openrouter_says_what_it_charges() -> None:
    usage = Usage(10, 10, source="exact", raw={"cost": 0.0123})
    found = price(call("anything", provider="openrouter", usage=usage), AT)
    assert found == Price(0.0123, "provider", None)


def test_openrouter_may_say_nothing() -> None:
    for cost in (None, "free", -1):
        usage = Usage(10, 10, source="exact", raw={"cost": cost})
        assert price(call("nobodys/model", provider="openrouter", usage=usage), AT) == Price()


RATES = {"input": 1.0, "output": 10.0, "cache_read": 0.1}
OVERRIDES: list[tuple[dict[str, Any], float | None]] = [
    ({"gpt-4o": RATES}, 2.0),
    ({"gpt-*": RATES}, 2.0),
    ({"openai/gpt-4o": RATES}, 2.0),
    ({"azure/*": RATES, "*": {"input": 0.0}}, 0.0),
    ({"claude-*": RATES}, 3.5),
    ({}, 3.5),
]


@pytest.mark.parametrize(("overrides", "amount"), OVERRIDES)
def test_the_users_own_prices_come_first(overrides: dict[str, Any], amount: float) -> None:
    assert price(call(), AT, overrides).amount_usd == pytest.approx(amount)


def test_own_prices_of_cached_tokens() -> None:
    usage = Usage(1_000_000, 0, 400_000, 100_000, source="exact")
    found = price(call(usage=usage), AT, {"gpt-4o": RATES})
    assert found.amount_usd == pytest.approx(0.5 + 0.04 + 0.1)
    assert found.source == "override"


def test_every_sample_has_a_price_or_none() -> None:
    priced = 0
    for one in samples():
        found = price(decode_call(one.exchange, one.request, one.response), AT)
        assert found.amount_usd is None or found.amount_usd >= 0
        priced += found.amount_usd is not None
    assert priced > 15
