"""Live model calls made as steady as their API allows: temperature 0, and a seed where it has one.

Only what a model surely takes is changed. A temperature that the request has becomes 0; one that it
has not is added for models that are known to take it. Models that reason refuse both, and stay as
they are asked.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from proxy.core import loose
from proxy.core.matching import IgnoreRule

SEED: Final = 1


class _Places(NamedTuple):
    """Where a wire format has them, as dotted paths; None where it has none."""

    temperature: str
    seed: str | None


_PLACES: Final[Mapping[str, _Places]] = {
    "openai.chat": _Places("temperature", "seed"),
    "openai.responses": _Places("temperature", None),
    "anthropic.messages": _Places("temperature", None),
    "gemini.generate": _Places("generationConfig.temperature", "generationConfig.seed"),
    "ollama": _Places("options.temperature", "options.seed"),
    "cohere.chat": _Places("temperature", "seed"),
}
_TAKES: Final = re.compile(
    r"(?:^|[/.])(?:gpt-4|gpt-3\.5|claude-3|gemini-[12]|llama|mistral|command-)"
)
_REASONS: Final = re.compile(r"(?:^|[/.])(?:o\d|gpt-5|codex|deepseek-r|claude-3-7)|reason|think")
_REASONING: Final = ("reasoning", "reasoning_effort", "thinking", "think")


def steady(protocol: str, asked: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The fields to set, by dotted path; none where the call is to stay as it is.

    Args:
        protocol: the wire format's name.
        asked: the request's body.
        model: the one that is going to be asked.
    """
    places = _PLACES.get(protocol)
    if places is None or _REASONS.search(model) or any(asked.get(name) for name in _REASONING):
        return {}
    found: dict[str, Any] = {}
    temperature = loose.number(_at(asked, places.temperature))
    if temperature is None and not _takes(protocol, asked, model):
        return {}
    if temperature != 0:
        found[places.temperature] = 0
    if places.seed is not None and _at(asked, places.seed) is None:
        found[places.seed] = SEED
    return found


def _takes(protocol: str, asked: Mapping[str, Any], model: str) -> bool:
    """Whether a temperature may be added where there is none."""
    if "top_p" in asked:  # some take only one of the two
        return False
    return protocol == "ollama" or _TAKES.search(model) is not None


def _at(asked: Mapping[str, Any], path: str) -> Any:
    at: Any = asked
    for key in path.split("."):
        at = at.get(key) if isinstance(at, Mapping) else None
    return at


def rules(fields: Mapping[str, Any], step: str) -> list[IgnoreRule]:
    """What makes a request that was so changed match the one that the agent makes."""
    return [IgnoreRule("json", f"$.{path}", step) for path in fields]
