"""What a value looks like: a credential, a word, a number, a placeholder."""

import re

# Words that stand before a credential in an authorization value (and are none themselves).
SCHEMES = frozenset(
    (
        b"basic",
        b"bearer",
        b"digest",
        b"token",
        b"apikey",
        b"api-key",
        b"key",
        b"aws4-hmac-sha256",
        b"hmac",
        b"hawk",
        b"negotiate",
        b"ntlm",
        b"oauth",
        b"gnap",
        b"dpop",
        b"mutual",
        b"vapid",
        b"sso-key",
        b"snowflake",
        b"discogs",
        b"privatetoken",
        b"bot",
        b"scram-sha-1",
        b"scram-sha-256",
    )
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
_DIGIT = re.compile(rb"[0-9]")
# Names of variables, constants and attributes: what code has where a credential will be.
_IDENTIFIER = re.compile(
    rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
    rb"|(?=[\w.]{3,80}\Z)[A-Za-z_]\w{0,23}(?:\.[A-Za-z_]\w{0,23}){1,6}"
)
_COUNT = re.compile(rb"-?[0-9][0-9.,]{0,14}|(?i:true|false|none|null|yes|no|on|off)")

_LONGEST_PLACEHOLDER = 80
_LONGEST_WORDS = 200
_WEAK_LENGTH = 8  # a shorter value after a weak name is no credential
_LOOSE_LENGTH = 4  # nor is a shorter one in free text
LEARN_LENGTH = 8  # a shorter value is not looked for elsewhere


def is_count(value: bytes) -> bool:
    """Whether a value is a number or a switch."""
    return _COUNT.fullmatch(value) is not None


def is_placeholder(value: bytes) -> bool:
    """Whether a value only stands for a credential, or is none at all."""
    return (
        not value
        or value.lower() in SCHEMES
        or (len(value) <= _LONGEST_PLACEHOLDER and _PLACEHOLDER.fullmatch(value) is not None)
    )


def is_plausible(value: bytes) -> bool:
    """Whether a value after a weak name is a credential: no words, numbers, paths or prose."""
    head = value[:_LONGEST_WORDS]
    return (
        len(value) >= _WEAK_LENGTH
        and not _SPACE.search(head)
        and not _WORDS.fullmatch(head)
        and not _NUMBER.fullmatch(head)
        and not _PATHLIKE.match(head)
        and not is_placeholder(value)
        and _DIGIT.search(head) is not None
    )


def is_credential_like(value: bytes) -> bool:
    """Whether a value after a strong name in free text or code is one, and no word or variable."""
    head = value[:_LONGEST_WORDS]
    return (
        len(value) >= _LOOSE_LENGTH
        and not _SPACE.search(head)
        and not _WORDS.fullmatch(head)
        and not _IDENTIFIER.fullmatch(head)
        and not _PATHLIKE.match(head)
        and not is_placeholder(value)
    )


def is_learnable(value: bytes) -> bool:
    """Whether a removed value may be looked for elsewhere: long enough, and no common word."""
    return (
        len(value) >= LEARN_LENGTH
        and not _WORDS.fullmatch(value[:_LONGEST_WORDS])
        and not _NUMBER.fullmatch(value)
        and not is_placeholder(value)
    )


def after_scheme(value: bytes) -> int:
    """Where the credential of an authorization value begins: after a known scheme word, or 0."""
    found = _SCHEMED.match(value)
    return found.end() if found and found[1].lower() in SCHEMES else 0
