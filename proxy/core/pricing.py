"""What a call costs, in US dollars, and whose word that is.

Prices come, in this order, from the user's own table, from the provider's answer (OpenRouter says
what it charges), and from the data that the package genai-prices carries (nothing is fetched).
Unknown is None, never zero.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from proxy.core import loose, rates
from proxy.core.calls import Call, Usage

type Overrides = Mapping[str, Mapping[str, float]]

_MILLION = 1_000_000

# Our provider names (OpenTelemetry's) -> the ids of genai-prices.
_PROVIDERS = {
    "anthropic": "anthropic",
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "groq": "groq",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "voyage_ai": "voyageai",
    "x_ai": "x-ai",
}

# Parts of the counts that have prices of their own: where the providers put them, and their name.
_PARTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("cache_creation", "ephemeral_5m_input_tokens"), "cache_write_5m_tokens"),
    (("cache_creation", "ephemeral_1h_input_tokens"), "cache_write_1h_tokens"),
    (("server_tool_use", "web_search_requests"), "web_searches"),
    (("prompt_tokens_details", "audio_tokens"), "input_audio_tokens"),
    (("completion_tokens_details", "audio_tokens"), "output_audio_tokens"),
    (("input_token_details", "audio_tokens"), "input_audio_tokens"),
    (("output_token_details", "audio_tokens"), "output_audio_tokens"),
    (("input_token_details", "cached_tokens_details", "audio_tokens"), "cache_audio_read_tokens"),
)
_MODALITIES = {
    ("promptTokensDetails", "AUDIO"): "input_audio_tokens",
    ("cacheTokensDetails", "AUDIO"): "cache_audio_read_tokens",
    ("candidatesTokensDetails", "AUDIO"): "output_audio_tokens",
    ("candidatesTokensDetails", "IMAGE"): "output_image_tokens",
}
_WITH_PARTS = frozenset({*(path[0] for path, _ in _PARTS), *(key for key, _ in _MODALITIES)})


class Price(NamedTuple):
    """An amount, where the prices come from, and which version of them; all None when unknown."""

    amount_usd: float | None = None
    source: str | None = None  # override | provider | genai-prices
    version: str | None = None


def price(call: Call, at: float, overrides: Overrides | None = None) -> Price:
    """What `call` cost at the time `at` (Unix seconds).

    `overrides` maps models, as `model` or `provider/model` with `*` as a wildcard, to US dollars
    per million tokens: `input`, `output`, `cache_read`, `cache_write`. The first that fits counts.
    """
    if not _known(call):
        return Price()
    if (rates := _override(call, overrides or {})) is not None:
        return Price(_at_rates(call.usage, rates), "override")
    if call.provider == "openrouter":
        charged = loose.number(call.usage.raw.get("cost"))
        if charged is not None and charged >= 0:
            return Price(charged, "provider")
    return _listed(call, at)


def prepare() -> None:
    """Load the price data now, so that the first call to be priced need not wait for it."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - a megabyte of data

    get_snapshot()


def _known(call: Call) -> bool:
    """Whether both directions are counted; what only reads (an embedding) has no output."""
    if call.usage.input_tokens is None:
        return False
    return call.usage.output_tokens is not None or call.reply is None


def _override(call: Call, overrides: Overrides) -> Mapping[str, float] | None:
    names = [name for name in (call.served_model, call.model) if name]
    names += [f"{call.provider}/{name}" for name in names]
    for pattern, given in overrides.items():
        if any(fnmatchcase(name, pattern) for name in names):
            return given
    return None


def _at_rates(usage: Usage, rates: Mapping[str, float]) -> float:
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    fresh = max(0, (usage.input_tokens or 0) - read - written)
    full = rates.get("input", 0.0)
    amount = (
        fresh * full
        + read * rates.get("cache_read", full)
        + written * rates.get("cache_write", full)
        + (usage.output_tokens or 0) * rates.get("output", 0.0)
    )
    return amount / _MILLION


def _listed(call: Call, at: float) -> Price:
    import genai_prices  # noqa: PLC0415 - a megabyte of data: not before it is needed

    provider = _PROVIDERS.get(call.provider or "")
    if provider is None:
        return Price()
    raw = call.usage.raw
    parts = {} if _WITH_PARTS.isdisjoint(raw) else dict(_parts(raw))
    counts = _counts(call.usage)
    context = _context(call)
    for model in dict.fromkeys(name for name in (call.served_model, call.model) if name):
        asked = rates.Asked(
            provider,
            model.rpartition("/")[2] if provider == "aws" else model,  # of an ARN
            context,
            int(at // 60),
        )
        try:
            amount = rates.amount(asked, counts, parts)
        except LookupError:  # not a model of theirs
            continue
        if amount is not None:
            return Price(float(amount), "genai-prices", genai_prices.__version__)
    return Price()


def _context(call: Call) -> tuple[tuple[str, str], ...]:
    """What chooses between a model's prices, in the words of genai-prices."""
    tier, speed = call.service_tier, loose.text(call.usage.raw.get("speed"))
    context = {"service_tier": tier or "", "speed": speed or ""}
    if tier == "batch":  # Anthropic
        context["processing"] = "batch"
    return tuple((key, value) for key, value in context.items() if value)


def _counts(usage: Usage) -> dict[str, int]:
    counts = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count}


def _parts(raw: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for path, name in _PARTS:
        value: Any = raw
        for key in path:
            value = loose.obj(value).get(key)
        if count := loose.count(value):
            yield name, count
    for (key, modality), name in _MODALITIES.items():
        for item in loose.objects(raw.get(key)):
            if item.get("modality") == modality and (count := loose.count(item.get("tokenCount"))):
                yield name, count
