"""Small secrets for age recipients (`age1…`), as `age` itself writes and reads them.

The format is age v1 (c2sp.org/age) with X25519 recipients, and payloads of one chunk: enough for a
key. Recipients and identities are Bech32 texts (BIP 173).
"""

import hmac
import os
from base64 import b64decode, b64encode
from binascii import Error
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.errors import ConfigError, DashcamError

RECIPIENT, IDENTITY = "age", "age-secret-key-"
_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK = 6
_VERSION = b"age-encryption.org/v1"
_X25519 = _VERSION + b"/X25519"
_NO_NONCE = bytes(12)  # each of these keys seals one thing
_LAST = bytes(11) + b"\x01"  # the nonce of a payload's only chunk
_NONCE, _FILE_KEY, _SIZE = 16, 16, 32


def encrypt(data: bytes, recipient: str) -> bytes:
    """An age file that holds `data` for the recipient. Raises ConfigError for one that is none."""
    theirs = decode(recipient, RECIPIENT)
    once, file_key = X25519PrivateKey.generate(), os.urandom(_FILE_KEY)
    share = once.public_key().public_bytes_raw()
    wrap = _derived(
        once.exchange(X25519PublicKey.from_public_bytes(theirs)), share + theirs, _X25519
    )
    stanza = ChaCha20Poly1305(wrap).encrypt(_NO_NONCE, file_key, None)
    head = b"%b\n-> X25519 %b\n%b\n---" % (_VERSION, _text(share), _text(stanza))
    mac = hmac.digest(_derived(file_key, b"", b"header"), head, "sha256")
    nonce = os.urandom(_NONCE)
    payload = ChaCha20Poly1305(_derived(file_key, nonce, b"payload")).encrypt(_LAST, data, None)
    return b"%b %b\n%b" % (head, _text(mac), nonce + payload)


def decrypt(file: bytes, identity: str) -> bytes:
    """What an age file holds. Raises DashcamError when it is not for this identity, or damaged."""
    own = X25519PrivateKey.from_private_bytes(decode(identity, IDENTITY))
    head, found, rest = file.partition(b"\n---")
    line, _, body = rest.partition(b"\n")
    lines = head.split(b"\n")
    if not found or lines[0] != _VERSION:
        raise DashcamError("this is no file of age, version 1")
    for stanza, sealed in pairwise(lines):
        kind, _, share = stanza.removeprefix(b"-> ").partition(b" ")
        if kind != b"X25519":
            continue
        try:
            file_key = _unwrapped(own, _bytes(share), _bytes(sealed))
            mac = hmac.digest(_derived(file_key, b"", b"header"), head + b"\n---", "sha256")
            if not hmac.compare_digest(mac, _bytes(line.strip())):
                continue
            key = _derived(file_key, body[:_NONCE], b"payload")
            return ChaCha20Poly1305(key).decrypt(_LAST, body[_NONCE:], None)
        except (InvalidTag, ValueError, Error):
            continue
    raise DashcamError(
        "this identity does not open it", hint="use the identity of the recipient that was given"
    )


def recipient_of(identity: str) -> str:
    """The recipient (`age1…`) that belongs to an identity."""
    own = X25519PrivateKey.from_private_bytes(decode(identity, IDENTITY))
    return encode(own.public_key().public_bytes_raw(), RECIPIENT)


def _unwrapped(own: X25519PrivateKey, share: bytes, sealed: bytes) -> bytes:
    shared = own.exchange(X25519PublicKey.from_public_bytes(share))
    salt = share + own.public_key().public_bytes_raw()
    return ChaCha20Poly1305(_derived(shared, salt, _X25519)).decrypt(_NO_NONCE, sealed, None)


def _derived(secret: bytes, salt: bytes, use: bytes) -> bytes:
    return HKDF(SHA256(), _SIZE, salt, use).derive(secret)


def _text(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    return b64decode(text + b"=" * (-len(text) % 4), validate=True)


def encode(data: bytes, kind: str) -> str:
    """Bech32 of 32 bytes; identities are written in capitals."""
    digits = _regrouped(data, 8, 5)
    check = _polymod([*_expanded(kind), *digits, *[0] * _CHECK]) ^ 1
    digits += [check >> 5 * (_CHECK - 1 - at) & 31 for at in range(_CHECK)]
    text = f"{kind}1{''.join(_CHARSET[digit] for digit in digits)}"
    return text.upper() if kind == IDENTITY else text


def decode(text: str, kind: str) -> bytes:
    """The 32 bytes of a recipient or an identity; ConfigError, which repeats nothing of it."""
    data = _decoded(text.strip().lower(), kind)
    if data is None or len(data) != _SIZE:
        what = "identity (AGE-SECRET-KEY-1…)" if kind == IDENTITY else "recipient (age1…)"
        raise ConfigError(f"this is no age {what} of X25519")
    return data


def _decoded(text: str, kind: str) -> bytes | None:
    name, _, rest = text.rpartition("1")
    digits = [_CHARSET.find(letter) for letter in rest]
    if name != kind or -1 in digits or _polymod([*_expanded(kind), *digits]) != 1:
        return None
    try:
        return bytes(_regrouped(digits[:-_CHECK], 5, 8))
    except ValueError:
        return None


def _regrouped(values: bytes | list[int], size: int, into: int) -> list[int]:
    """The bits of numbers of `size` bits as numbers of `into` bits; ValueError for a bad rest."""
    bits = count = 0
    out: list[int] = []
    for value in values:
        bits = bits << size | value
        count += size
        while count >= into:
            count -= into
            out.append(bits >> count & (1 << into) - 1)
        bits &= (1 << count) - 1
    if into < size and count:
        out.append(bits << into - count & (1 << into) - 1)
    elif bits or count >= size:
        raise ValueError
    return out


def _expanded(kind: str) -> list[int]:
    return [*[ord(letter) >> 5 for letter in kind], 0, *[ord(letter) & 31 for letter in kind]]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate(_GENERATOR):
            check ^= generator if top >> at & 1 else 0
    return check
