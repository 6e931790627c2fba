"""What counts of tokens cost by the data of genai-prices, without its work for every call.

A price is linear in the counts as long as the same tier applies. So the package is asked once for
what each count costs in a minute, and multiplying is all that is left. What is not plain (parts of
counts with prices of their own, parts that exceed the whole) it is asked about itself.
"""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

_KEPT = 1000
_TOKENS = 1000  # in each direction, where rates are asked for
_NO_RATES: Mapping[str, Decimal] = {}

# Whose counts the others are parts of.
_WHOLES = {"input_tokens": "cache_", "output_tokens": "output_reasoning_"}
_PARTS = ("cache_read_tokens", "cache_write_tokens", "output_reasoning_tokens")


class Asked(NamedTuple):
    """What prices depend on: genai-prices' own names, and the minute since 1970."""

    provider: str
    model: str
    context: tuple[tuple[str, str], ...]
    minute: int


_tiers: dict[Asked, tuple[int, ...] | None] = {}  # None is a model that has no price
_rates: dict[tuple[Asked, int], Mapping[str, Decimal]] = {}  # by tier; none: they are not linear


def amount(asked: Asked, counts: Mapping[str, int], parts: Mapping[str, int]) -> Decimal | None:
    """US dollars for `counts`, of which `parts` have prices of their own; None when unknown.

    Raises LookupError for a model without a price.
    """
    if not parts and _is_plain(counts):
        tiers = _tiers_of(asked)
        tier = bisect_left(tiers, counts["input_tokens"])
        rates = _rates.get((asked, tier))
        if rates is None:
            rates = _rates[asked, tier] = _learned(asked, tiers[tier - 1] if tier else 0)
        if rates:
            return sum((rates[name] * count for name, count in counts.items()), rates[""])
    for given in ({**counts, **parts}, counts):
        try:
            return _calculated(asked, given)
        except ValueError:  # parts that exceed the whole
            continue
    return None


def _is_plain(counts: Mapping[str, int]) -> bool:
    if "input_tokens" not in counts:
        return False
    return all(
        sum(count for name, count in counts.items() if name.startswith(prefix))
        <= counts.get(whole, 0)
        for whole, prefix in _WHOLES.items()
    )


def _tiers_of(asked: Asked) -> tuple[int, ...]:
    """The numbers of input tokens above which other prices apply. Raises LookupError."""
    if asked not in _tiers:
        if len(_tiers) >= _KEPT:
            _tiers.clear()
            _rates.clear()
        try:
            _tiers[asked] = _found_tiers(asked)
        except LookupError:
            _tiers[asked] = None
    found = _tiers[asked]
    if found is None:
        raise LookupError(asked.model)
    return found


def _found_tiers(asked: Asked) -> tuple[int, ...]:
    from genai_prices.types import TieredPrices  # noqa: PLC0415 - a megabyte of data

    prices = vars(_priced(asked, {"input_tokens": 1}).model_price).values()
    tiered = [price for price in prices if isinstance(price, TieredPrices)]
    return tuple(sorted({tier.start for price in tiered for tier in price.tiers}))


def _learned(asked: Asked, start: int) -> Mapping[str, Decimal]:
    """What one of each costs above `start` input tokens, and under "" what a call costs at all."""
    base = {"input_tokens": start + _TOKENS, "output_tokens": _TOKENS, **dict.fromkeys(_PARTS, 1)}
    try:
        whole = _calculated(asked, base)
        found = {
            name: _calculated(asked, {**base, name: count + 1}) - whole
            for name, count in base.items()
        }
    except ValueError:
        return _NO_RATES
    found[""] = whole - sum((found[name] * count for name, count in base.items()), Decimal())
    return found


def _calculated(asked: Asked, counts: Mapping[str, int]) -> Decimal:
    return _priced(asked, counts).total_price


def _priced(asked: Asked, counts: Mapping[str, int]) -> "PriceCalculation":
    import genai_prices  # noqa: PLC0415 - a megabyte of data

    return genai_prices.calc_price(
        genai_prices.Usage(**counts),
        asked.model,
        provider_id=asked.provider,
        genai_request_timestamp=datetime.fromtimestamp(asked.minute * 60, UTC),
        price_context=dict(asked.context),
    )
