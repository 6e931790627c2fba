"""Names after which a credential stands."""

import pytest

from proxy.core.redaction.names import NAME_ENDS, Rule, key_rule, query_rule

STRONG = b"""password passwd pwd db_password userPassword secret client_secret clientSecret
api_key apiKey API_KEY OPENAI_API_KEY x-api-key access_token accessToken refresh_token id_token
private_key privateKey secretAccessKey aws_secret_access_key auth_token bot_token
passphrase webhook_secret spring.datasource.password AccountKey SharedAccessKey""".split()
WEAK = b"token github_token csrfToken auth credential access_key jwt otp".split()
NONE = b"""max_tokens prompt_tokens total_tokens completion_tokens token_count prompt_cache_key key
name id next_page_token nextPageToken pageToken continuation_token progressToken eos_token
cursor session_id signature thought_signature encrypted_content system_fingerprint author
authors description function idempotency_key primary_key code keyboard tokenizer
secretary passage""".split()


@pytest.mark.parametrize("name", STRONG)
def test_strong(name: bytes) -> None:
    assert key_rule(name) is Rule.STRONG


@pytest.mark.parametrize("name", WEAK)
def test_weak(name: bytes) -> None:
    assert key_rule(name) is Rule.WEAK


@pytest.mark.parametrize("name", NONE)
def test_none(name: bytes) -> None:
    assert key_rule(name) is None


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"Authorization", Rule.SCHEME),
        (b"proxy_authorization", Rule.SCHEME),
        (b"Cookie", Rule.COOKIE),
        (b"Set-Cookie", Rule.SET_COOKIE),
    ],
)
def test_headers_in_bodies(name: bytes, rule: Rule) -> None:
    assert key_rule(name) is rule


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"key", Rule.WEAK),
        (b"code", Rule.WEAK),
        (b"sig", Rule.STRONG),
        (b"X-Amz-Signature", Rule.STRONG),
        (b"X-Amz-Credential", Rule.STRONG),
        (b"api_key", Rule.STRONG),
        (b"authorization", Rule.STRONG),
        (b"pageToken", None),
        (b"q", None),
    ],
)
def test_queries(name: bytes, rule: Rule | None) -> None:
    assert query_rule(name) is rule


def test_every_name_ends_in_a_known_end() -> None:
    for name in (*STRONG, *WEAK, b"Authorization", b"Set-Cookie", b"code", b"sig", b"appid"):
        assert name.decode().lower()[-3:] in NAME_ENDS
