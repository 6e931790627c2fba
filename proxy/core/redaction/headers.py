"""Headers that carry credentials, by name."""

import re
from functools import lru_cache

from proxy.core.correlation import SESSION_HEADERS
from proxy.core.redaction.names import Rule

CREDENTIAL_HEADERS: dict[str, Rule] = {
    "authorization": Rule.SCHEME,
    "proxy-authorization": Rule.SCHEME,
    "x-authorization": Rule.SCHEME,
    "x-forwarded-authorization": Rule.SCHEME,
    "x-serverless-authorization": Rule.SCHEME,
    "cookie": Rule.COOKIE,
    "cookie2": Rule.COOKIE,
    "set-cookie": Rule.SET_COOKIE,
    "set-cookie2": Rule.SET_COOKIE,
    "sec-websocket-protocol": Rule.PROTOCOLS,
    "x-api-key": Rule.STRONG,
    "api-key": Rule.STRONG,
    "apikey": Rule.STRONG,
    "x-goog-api-key": Rule.STRONG,
    "x-goog-iam-authorization-token": Rule.STRONG,
    "x-amz-security-token": Rule.STRONG,
    "x-aws-ec2-metadata-token": Rule.STRONG,
    "ocp-apim-subscription-key": Rule.STRONG,
    "x-functions-key": Rule.STRONG,
    "x-auth-token": Rule.STRONG,
    "x-vault-token": Rule.STRONG,
    "private-token": Rule.STRONG,
    "x-subscription-token": Rule.STRONG,
    "dd-api-key": Rule.STRONG,
    "dd-application-key": Rule.STRONG,
    "xi-api-key": Rule.STRONG,
    "x-hub-signature": Rule.STRONG,
    "x-hub-signature-256": Rule.STRONG,
    "stripe-signature": Rule.STRONG,
}

# A header whose name matches goes, unless it is listed below.
_SUSPECT_HEADER = re.compile(
    r"token|secret|key|auth|session|passw|passphrase|credential|signature|cookie|jwt|csrf|xsrf"
)

# Headers that match and are no credentials: they name runs, requests, counts, public things.
BENIGN_HEADERS = frozenset(name.decode() for name in SESSION_HEADERS) | frozenset(
    (
        ":authority",
        "author",
        "authority",
        "x-claude-code-agent-id",
        "x-opencode-request",
        "mcp-session-id",
        "helicone-session-name",
        "helicone-session-path",
        "x-langfuse-session-id",
        "idempotency-key",
        "x-idempotency-key",
        "x-goog-idempotency-token",
        "sec-websocket-key",
        "sec-websocket-accept",
        "prompt-cache-key",
        "x-prompt-cache-key",
        "x-cache-key",
        "cache-key",
        "surrogate-key",
        "xkey",
        "key-id",
        "x-key-id",
        "x-api-key-id",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "www-authenticate",
        "proxy-authenticate",
        "authentication-info",
        "proxy-authentication-info",
        "authentication-control",
        "signature-input",
        "accept-signature",
        "public-key-pins",
        "public-key-pins-report-only",
        "sec-session-registration",
        "x-token-count",
        "x-max-tokens",
    )
)
_BENIGN_HEADER = re.compile(
    r"(?:^|-)ratelimit-|^sec-(?:fetch|ch)-|-tokens?-(?:count|limit|used|remaining|reset)$"
    r"|-(?:input|output|total|prompt|completion|cached|reasoning|max)-tokens$|^access-control-"
)
# Kept even in allow-list mode: without them the bodies cannot be read.
STRUCTURAL_HEADERS = frozenset(
    (
        "content-type",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "host",
        ":authority",
    )
)


@lru_cache(maxsize=2048)
def header_rule(name: bytes) -> Rule | None:
    """How a header's value is treated; None when it is only searched for shapes."""
    low = name.decode("latin-1").strip().lower()
    if (rule := CREDENTIAL_HEADERS.get(low)) is not None:
        return rule
    if low in BENIGN_HEADERS or not _SUSPECT_HEADER.search(low) or _BENIGN_HEADER.search(low):
        return None
    return Rule.STRONG
