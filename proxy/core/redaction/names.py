"""Names after which a credential stands: of headers, of query and form fields, of JSON keys.

Names are compared without case, hyphens, underscores, dots and spaces: `apiKey`, `API_KEY` and
`api-key` are one. STRONG names are followed by a credential whatever it looks like; WEAK ones (token,
key, code) also name page cursors, keys of data and country codes, so there the value has to look
like a credential too.
"""

import re
from enum import Enum
from functools import lru_cache


class Rule(Enum):
    """How the value after a name is treated."""

    STRONG = "strong"
    WEAK = "weak"
    SCHEME = "scheme"  # an authorization value: its scheme word stays
    COOKIE = "cookie"  # names stay, values go
    SET_COOKIE = "set-cookie"  # only the first value goes


# --- headers -----------------------------------------------------------------------------------

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
BENIGN_HEADERS = frozenset(
    """
    :authority author authority session-id session_id x-session-id x-parent-session-id
    x-claude-code-session-id x-claude-code-agent-id x-opencode-session x-opencode-request
    x-session-affinity mcp-session-id x-mcp-session-id helicone-session-id helicone-session-name
    helicone-session-path x-litellm-session-id x-langfuse-session-id x-browser-session-id
    x-codex-session-id openai-session-id x-amzn-bedrock-session-id langsmith-session
    idempotency-key x-idempotency-key x-stripe-idempotency-key x-goog-idempotency-token
    sec-websocket-key sec-websocket-accept prompt-cache-key x-prompt-cache-key x-cache-key cache-key
    surrogate-key xkey key-id x-key-id x-api-key-id x-amz-server-side-encryption-aws-kms-key-id
    access-control-allow-credentials www-authenticate proxy-authenticate authentication-info
    proxy-authentication-info authentication-control signature-input accept-signature
    public-key-pins public-key-pins-report-only sec-session-registration
    x-token-count x-max-tokens x-total-tokens x-mcp-header-key
    """.split()
)
_BENIGN_HEADER = re.compile(
    r"(?:^|-)ratelimit-|^sec-(?:fetch|ch)-|-tokens?-(?:count|limit|used|remaining|reset)$"
    r"|-(?:input|output|total|prompt|completion|cached|reasoning|max)-tokens$|^access-control-"
)
# Kept even in allow-list mode: without them the bodies cannot be read.
STRUCTURAL_HEADERS = frozenset(
    "content-type content-length content-encoding transfer-encoding host :authority".split()
)
_COUNT = re.compile(rb"-?[0-9][0-9.,]{0,14}|(?i:true|false|none|null|yes|no|on|off)")


@lru_cache(maxsize=2048)
def header_rule(name: bytes) -> Rule | None:
    """How a header's value is treated; None when it is only searched for shapes."""
    low = name.decode("latin-1").strip().lower()
    if (rule := CREDENTIAL_HEADERS.get(low)) is not None:
        return rule
    if low in BENIGN_HEADERS or not _SUSPECT_HEADER.search(low) or _BENIGN_HEADER.search(low):
        return None
    return Rule.STRONG


def is_count(value: bytes) -> bool:
    """Whether a header's value is a number or a switch, not a credential."""
    return _COUNT.fullmatch(value) is not None


# --- JSON keys, form fields, assignments ---------------------------------------------------------

_STRONG = frozenset(
    """
    pwd passcode userpass authpass dbpass mysqlpwd pgpassword redisauth
    xapikey xgoogapikey xauthtoken xamzsecuritytoken accountkey sharedaccesskey sharedaccesssignature
    consumersecret appsecret clientassertion personalaccesstoken mfatoken
    """.split()
)
_STRONG_ENDS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "apitoken",
    "secretkey",
    "secretaccesskey",
    "accesskeysecret",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "bearertoken",
    "sessiontoken",
    "securitytoken",
    "bottoken",
    "privatekey",
    "signingkey",
    "encryptionkey",
)
_WEAK = frozenset("auth pass jwt bearer credential credentials otp".split())
_WEAK_ENDS = (
    "token",
    "accesskey",
    "sessionkey",
    "masterkey",
    "servicekey",
    "appkey",
    "licensekey",
    "subscriptionkey",
    "authkey",
    "deploykey",
)
# Tokens of another kind: cursors, tokenizers, counters, idempotency.
_NO_CREDENTIAL_ENDS = (
    "pagetoken",
    "nexttoken",
    "prevtoken",
    "previoustoken",
    "continuationtoken",
    "cursortoken",
    "synctoken",
    "deltatoken",
    "skiptoken",
    "resumetoken",
    "progresstoken",
    "cancellationtoken",
    "clienttoken",
    "clientrequesttoken",
    "idempotencytoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "unktoken",
    "septoken",
    "clstoken",
    "masktoken",
    "stoptoken",
    "starttoken",
    "endtoken",
    "firsttoken",
    "pertoken",
)
_SCHEME = frozenset(("authorization", "proxyauthorization", "xauthorization"))
_COOKIE = {"cookie": Rule.COOKIE, "setcookie": Rule.SET_COOKIE}
# Only in a query or a form, where these names are the custom.
_QUERY_STRONG = frozenset(
    """
    sig signature xamzsignature xamzcredential xgoogsignature xgoogcredential hapikey privatetoken
    codeverifier assertion awsaccesskeyid sastoken
    """.split()
)
_QUERY_WEAK = frozenset("key code appid ticket session sessionkey accesskeyid".split())
_SEPARATORS = str.maketrans("", "", "-_. $[]")
_SHORTEST = 3
# What the names above end in: a cheap first look at the characters before a separator.
NAME_ENDS = frozenset(
    name[-_SHORTEST:]
    for table in (
        _STRONG,
        _STRONG_ENDS,
        _WEAK,
        _WEAK_ENDS,
        _SCHEME,
        _COOKIE,
        _QUERY_STRONG,
        _QUERY_WEAK,
    )
    for name in table
)


def _normal(name: bytes) -> str:
    return name.decode("latin-1").lower().translate(_SEPARATORS)


@lru_cache(maxsize=4096)
def key_rule(name: bytes) -> Rule | None:
    """How the value after a JSON key, a variable or a field of this name is treated."""
    low = _normal(name)
    if low in _SCHEME:
        return Rule.SCHEME
    if low in _COOKIE:
        return _COOKIE[low]
    if low.endswith(_NO_CREDENTIAL_ENDS):
        return None
    if low in _STRONG or low.endswith(_STRONG_ENDS):
        return Rule.STRONG
    if low in _WEAK or low.endswith(_WEAK_ENDS):
        return Rule.WEAK
    return None


@lru_cache(maxsize=2048)
def query_rule(name: bytes) -> Rule | None:
    """The same for a field of a query or a form."""
    low = _normal(name)
    if low in _QUERY_STRONG:
        return Rule.STRONG
    if low in _QUERY_WEAK:
        return Rule.WEAK
    rule = key_rule(name)
    return Rule.STRONG if rule in (Rule.SCHEME, Rule.COOKIE, Rule.SET_COOKIE) else rule


# --- values --------------------------------------------------------------------------------------

_SCHEMES = frozenset(
    b"basic bearer digest token apikey api-key key aws4-hmac-sha256 hmac hawk negotiate ntlm oauth gnap "
    b"dpop mutual vapid sso-key snowflake discogs privatetoken bot scram-sha-1 scram-sha-256".split()
)
_SCHEMED = re.compile(rb"\s*([A-Za-z][A-Za-z0-9\-]{1,30})([ \t]+|%20|\+)(?=\S)")
# What stands where a credential will stand: documentation, templates, masked values.
_PLACEHOLDER = re.compile(
    rb"(?i:string|null|none|true|false|undefined|redacted|\[redacted\]"
    rb"|your[-_ ](?:[a-z]+[-_ ]?){1,6}|<[a-z_ \-]+>|\$\{[a-z_][a-z_.]*\}|\$?\{\{[a-z_. ]+\}\}"
    rb"|[*\xe2\x80\xa2.x]+)|\$[A-Z][A-Z_]+"
)
_WORDS = re.compile(rb"[A-Za-z]?[a-z]{0,16}(?:[-_. /][A-Za-z]?[a-z]{0,16}){0,6}|[A-Z][A-Z_]{0,40}")
_NUMBER = re.compile(rb"[0-9]{1,11}|[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9T:.Z+ \-]{0,24}|[0-9]+\.[0-9]+")
_PATHLIKE = re.compile(rb"(?:https?:|\.{0,2}/|[A-Za-z]:\\)|[\w./\-]{1,200}\.[A-Za-z]{2,4}\Z")
_SPACE = re.compile(rb"\s")
# Names of variables, constants and attributes: what code has where a credential will be.
_IDENTIFIER = re.compile(
    rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?=[\w.]{3,80}\Z)[A-Za-z_]\w{0,23}(?:\.[A-Za-z_]\w{0,23}){1,6}"
)

_LONGEST_PLACEHOLDER = 80
WEAK_LENGTH = 8  # a shorter value after a weak name is no credential
LOOSE_LENGTH = 4  # nor is a shorter one in free text
LEARN_LENGTH = 8  # a shorter value is not looked for elsewhere


def is_placeholder(value: bytes) -> bool:
    """Whether a value only stands for a credential."""
    return (
        not value
        or value.lower() in _SCHEMES
        or (len(value) <= _LONGEST_PLACEHOLDER and _PLACEHOLDER.fullmatch(value) is not None)
    )


def is_plausible(value: bytes) -> bool:
    """Whether a value after a weak name looks like a credential: no words, numbers, paths, prose."""
    head = value[:400]
    return (
        len(value) >= WEAK_LENGTH
        and not _SPACE.search(head)
        and not _WORDS.fullmatch(head)
        and not _NUMBER.fullmatch(head)
        and not _PATHLIKE.match(head)
        and not is_placeholder(head)
        and any(48 <= byte <= 57 for byte in head)  # noqa: PLR2004 - an ASCII digit
    )


def is_credential_like(value: bytes) -> bool:
    """Whether a value after a strong name in free text or code is one, and no word or variable."""
    head = value[:400]
    return (
        len(value) >= LOOSE_LENGTH
        and not _SPACE.search(head)
        and not _WORDS.fullmatch(head)
        and not _IDENTIFIER.fullmatch(head)
        and not _PATHLIKE.match(head)
        and not is_placeholder(head)
    )


def is_learnable(value: bytes) -> bool:
    """Whether a removed value may be looked for elsewhere: long enough, and no common word."""
    return (
        len(value) >= LEARN_LENGTH
        and not _WORDS.fullmatch(value[:200])
        and not _NUMBER.fullmatch(value)
        and not is_placeholder(value)
    )


def after_scheme(value: bytes) -> int:
    """Where the credential of an authorization value begins: after a known scheme word, or 0."""
    found = _SCHEMED.match(value)
    if found and found[1].lower() in _SCHEMES:
        return found.end()
    return 0
