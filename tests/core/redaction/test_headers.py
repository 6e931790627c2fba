"""Which headers carry credentials."""

import pytest

from proxy.core.correlation import CORRELATION_HEADERS, SESSION_HEADERS
from proxy.core.redaction.headers import BENIGN_HEADERS, CREDENTIAL_HEADERS, header_rule
from proxy.core.redaction.names import Rule


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"Authorization", Rule.SCHEME),
        (b"proxy-authorization", Rule.SCHEME),
        (b"Cookie", Rule.COOKIE),
        (b"SET-COOKIE", Rule.SET_COOKIE),
        (b"Sec-WebSocket-Protocol", Rule.PROTOCOLS),
        (b"x-api-key", Rule.STRONG),
        (b"X-Goog-Api-Key", Rule.STRONG),
        (b"x-amz-security-token", Rule.STRONG),
        (b"X-My-Service-Token", Rule.STRONG),
        (b"x-portkey-api-key", Rule.STRONG),
        (b"Helicone-Auth", Rule.STRONG),
        (b"x-csrf", Rule.STRONG),
        (b"x-acme-session", Rule.STRONG),
        (b"x-password", Rule.STRONG),
        (b"content-type", None),
        (b"user-agent", None),
        (b"accept", None),
        (b"x-request-id", None),
        (b"anthropic-ratelimit-input-tokens-remaining", None),
        (b"x-ratelimit-limit-tokens", None),
        (b"x-ratelimit-reset-tokens", None),
        (b"x-usage-output-tokens", None),
        (b"sec-fetch-mode", None),
        (b"access-control-allow-headers", None),
        (b":authority", None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_rules(name: bytes, rule: Rule | None) -> None:
    assert header_rule(name) is rule


@pytest.mark.parametrize(
    "name", [*SESSION_HEADERS, *CORRELATION_HEADERS, b"traceparent", b"baggage"]
)
def test_what_names_a_run_is_no_credential(name: bytes) -> None:
    assert header_rule(name) is None


def test_no_header_is_both() -> None:
    assert not BENIGN_HEADERS & CREDENTIAL_HEADERS.keys()
