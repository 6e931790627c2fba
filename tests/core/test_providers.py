import pytest

from proxy.core.providers import provider_of

HOSTS = [
    ("api.openai.com", "openai"),
    ("API.OpenAI.com.", "openai"),
    ("eu.api.openai.com", "openai"),
    ("my-resource.openai.azure.com", "azure.ai.openai"),
    ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
    ("bedrock-runtime-fips.us-east-1.amazonaws.com", "aws.bedrock"),
    ("s3.us-east-1.amazonaws.com", None),
    ("evilapi.openai.com.example.com", None),
    ("notapi.openai.com", None),
    ("127.0.0.1", None),
    ("", None),
]


@pytest.mark.parametrize(("host", "provider"), HOSTS)
def test_hosts(host: str, provider: str | None) -> None:
    assert provider_of(host) == provider
