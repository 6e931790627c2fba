"""Names after which a credential stands: JSON keys, variables, fields of queries and forms.

Names are compared without case, hyphens, underscores, dots and spaces: `apiKey`, `API_KEY` and
`api-key` are one. STRONG names are followed by a credential whatever it looks like; WEAK ones
(token, key, code) also name page cursors, keys of data and country codes, so there the value has to
look like a credential too.
"""

from enum import Enum
from functools import lru_cache


class Rule(Enum):
    """How the value after a name is treated."""

    STRONG = "strong"
    WEAK = "weak"
    SCHEME = "scheme"  # an authorization value: its scheme word stays
    COOKIE = "cookie"  # names stay, values go
    SET_COOKIE = "set-cookie"  # only the first value goes
    PROTOCOLS = "protocols"  # a list of WebSocket protocols, by which browsers send keys


_STRONG = frozenset(
    (
        "pwd",
        "passcode",
        "userpass",
        "authpass",
        "dbpass",
        "mysqlpwd",
        "pgpassword",
        "redisauth",
        "xapikey",
        "xgoogapikey",
        "xauthtoken",
        "xamzsecuritytoken",
        "accountkey",
        "sharedaccesskey",
        "sharedaccesssignature",
        "consumersecret",
        "appsecret",
        "clientassertion",
        "personalaccesstoken",
        "mfatoken",
    )
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
_WEAK = frozenset(
    (
        "auth",
        "pass",
        "jwt",
        "bearer",
        "credential",
        "credentials",
        "otp",
    )
)
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
    (
        "sig",
        "signature",
        "xamzsignature",
        "xamzcredential",
        "xgoogsignature",
        "xgoogcredential",
        "hapikey",
        "privatetoken",
        "codeverifier",
        "assertion",
        "awsaccesskeyid",
        "sastoken",
    )
)
_QUERY_WEAK = frozenset(
    (
        "key",
        "code",
        "appid",
        "ticket",
        "session",
        "sessionkey",
        "accesskeyid",
    )
)
# Fields of JSON whose value is what a field beside them, or the one they are in, names.
VALUES = frozenset((b"value", b"stringvalue", b"secretvalue", b"plaintextvalue"))
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
        [f"{name}s" for name in _STRONG_ENDS],
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


@lru_cache(maxsize=4096)
def list_rule(name: bytes) -> Rule | None:
    """How the texts in a list are treated whose name is a plural: `api_keys`, `passwords`.

    Lists of secrets often have only their names, so there a value has to look like a credential.
    """
    low = _normal(name)
    if not low.endswith("s") or not low[:-1].endswith(_STRONG_ENDS):
        return None
    return Rule.WEAK if low.endswith("secrets") else Rule.STRONG


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
