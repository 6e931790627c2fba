"""Whose API a host is: the provider names of the OpenTelemetry GenAI conventions."""

import functools

_LONGEST = 255  # of a host name, RFC 1035

# Suffixes of host names; the longest match is listed first where two would match.
_HOSTS = (
    ("api.openai.com", "openai"),
    ("chatgpt.com", "openai"),
    ("openai.azure.com", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "azure.ai.openai"),
    ("azure-api.net", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.x.ai", "x_ai"),
    ("openrouter.ai", "openrouter"),
    ("api.perplexity.ai", "perplexity"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("router.huggingface.co", "huggingface"),
    ("api-inference.huggingface.co", "huggingface"),
    ("api.voyageai.com", "voyage_ai"),
    ("api.jina.ai", "jina_ai"),
    ("ollama.com", "ollama"),
)


def provider_of(host: str) -> str | None:
    """The provider that answers at `host`, or None when the name says nothing."""
    return _provider_of(host) if len(host) <= _LONGEST else None


@functools.lru_cache(maxsize=1024)
def _provider_of(host: str) -> str | None:
    host = host.lower().rstrip(".")
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and host.startswith("bedrock"):
        return "aws.bedrock"
    # Vertex puts the region before its host name with a hyphen, everybody else with a dot.
    for suffix, name in _HOSTS:
        if host == suffix or host.endswith(("." + suffix, "-" + suffix)):
            return name
    return None
