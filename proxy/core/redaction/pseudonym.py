"""What stands in a secret's place: `SECRET-openai-9f2c41d07ab3`.

Only unreserved characters of RFC 3986, so a pseudonym needs no escape in JSON, URLs, headers,
cookies, SQL strings or a shell. The hexadecimal part is an HMAC of the value under the store's key:
the same secret has the same pseudonym everywhere in a store, another one in every other store, and
nothing of the value is in it.
"""

import hmac
import re

_SHAPE = rb"SECRET-[a-z0-9]{1,16}-[0-9a-f]{12}"
_WHOLE = re.compile(_SHAPE)


def make(key: bytes, value: bytes, kind: str) -> bytes:
    """The pseudonym of `value` under `key`; `kind` is a word of at most 16 letters and digits."""
    return f"SECRET-{kind}-{hmac.digest(key, value, 'sha256').hex()[:12]}".encode()


def is_whole(value: bytes) -> bool:
    """Whether `value` is a pseudonym and nothing else."""
    return _WHOLE.fullmatch(value) is not None


def is_in(value: bytes) -> bool:
    """Whether there is a pseudonym in `value`."""
    return b"SECRET-" in value and _WHOLE.search(value) is not None


def names_in(data: bytes) -> set[str]:
    """The pseudonyms in `data`."""
    return {name.decode() for name in _WHOLE.findall(data)} if b"SECRET-" in data else set()


def blanked(data: bytes) -> bytes:
    """`data` with blanks in place of the pseudonyms in it."""
    return _WHOLE.sub(lambda found: b" " * len(found[0]), data)
