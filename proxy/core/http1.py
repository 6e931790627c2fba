"""HTTP/1.1 framing (RFC 9112), strict: where a message begins, where it ends, and nothing else.

Heads are parsed once and forwarded as the bytes they were. Bodies are counted, not copied: a body
reader says how far into the given bytes the message reaches and which pieces of payload that
were. Whatever two parsers could read in two ways is refused with `FormatError` (obs-fold, bare CR
or LF, NUL and other control bytes, doubled or odd Content-Length, Transfer-Encoding other than
`chunked`, both together, a missing, doubled or malformed Host, framing fields in trailers). Only an
answer may say the same Content-Length twice. What is refused is named, never repeated: it may hold
a secret.
"""

import ipaddress
import re
from typing import NamedTuple, Protocol

from proxy.core.model import Headers, header
from proxy.errors import FormatError

MAX_HEAD = 256 * 1024
MAX_HEADERS = 256
_EARLY = 4096  # so much of an incomplete head is looked at
_MAX_CHUNK_LINE = 4096
_MAX_TRAILER = 16 * 1024

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])\r\n")
_STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n")
# The value is stripped afterwards: a pattern that leaves out its blanks takes quadratic time.
_HEADER = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)")
_NAME = re.compile(_TOKEN)
# All of a line or what has come of it. RFC 9112, 7.1 has no blanks before the CR LF; servers do.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?(?:\r\n?)?")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,7})\r\n")  # the usual chunk line
_SIZE_LINE = 9  # its most bytes
_TARGET = re.compile(rb"/|[A-Za-z][A-Za-z0-9+.-]*://")
_HOST = re.compile(rb"[\w.~%!$&'()*+;=:\[\]-]*")  # RFC 3986, 3.2.2 and a port; no list of them
_AUTHORITY = re.compile(rb"([\w.~-]+|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+):([0-9]{1,5})")
# RFC 3986, 3.2.2 in the lengths of RFC 1035, 2.3.4: nobody can look up another.
_LABEL = r"[\w~%!$&'()*+;=-]{1,63}"
_NAME_OF_HOST = re.compile(rf"(?=.{{1,254}}\Z)(?:{_LABEL}\.)*{_LABEL}\.?", re.ASCII)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNKED = b"chunked"
_SPECIAL = frozenset(
    {
        b"host",
        b"connection",
        b"content-length",
        b"transfer-encoding",
        b"origin",
        b"sec-fetch-site",
    }
)
_NOTHING: frozenset[bytes] = frozenset()
_MAX_KNOWN = 4096  # header lines that are remembered
_MAX_KNOWN_LINE = 512  # bytes
HEAD_ONLY = frozenset({b"content-length", b"transfer-encoding", b"host"})  # RFC 9110, 6.5.1


type Special = tuple[tuple[bytes, bytes], ...]  # lower-case name and value


class Head(NamedTuple):
    """A parsed request or response head; `size` is its length in bytes, blank line included."""

    method: bytes  # empty for a response
    target: bytes
    version: bytes
    status: int  # 0 for a request
    reason: bytes
    headers: Headers
    size: int
    special: Special  # those of the headers that framing, routing and admission look at


class Framing(NamedTuple):
    """How a body is delimited: `length` bytes, or chunked, or until the connection closes."""

    length: int | None
    chunked: bool
    until_close: bool


class Fed(NamedTuple):
    """What a body reader made of some bytes.

    `used` bytes belong to this message; `pieces` is the payload in them; `mark` is where the
    part begins that ends the message (held back until the record is safe); equal to `used` while
    the message is not `done`.
    """

    used: int
    pieces: list[bytes]
    mark: int
    done: bool


class BodyReader(Protocol):
    """Counts its way through one body."""

    trailers: Headers

    def feed(self, data: bytes) -> Fed:
        """The next bytes of the connection."""

    def eof(self) -> bool:
        """The connection closed: whether that ends the body rightly."""


type _Line = tuple[tuple[bytes, bytes], bytes | None]  # name and value; the name if special

_known: dict[bytes, _Line] = {}
_sizes: dict[bytes, int] = {}  # by what stands in the line of a chunk


def head_end(data: bytes | bytearray, seen: int = 0, limit: int = MAX_HEAD) -> int:
    """The length of a complete head at the start of `data`, or -1; FormatError when too long.

    `seen` bytes of `data` were looked at before, in vain: a head that comes byte by byte costs no
    more than its length.
    """
    return _section_end(data, seen, limit, "head")


def _section_end(data: bytes | bytearray, seen: int, limit: int, what: str) -> int:
    from_here = max(seen - 3, 0)  # 3 bytes of the end may have been there
    end = data.find(b"\r\n\r\n", from_here)
    if end > limit or (end < 0 and len(data) > limit + 3):
        raise FormatError(f"the {what} is longer than {limit} bytes")
    if end < 0:
        if from_here < _EARLY:  # a line that ends otherwise: the end might never be found
            begun = data[from_here:_EARLY]
            bare = begun[begun.startswith(b"\n") and from_here > 0 :]  # its CR is before
            lines = bare.count(b"\r\n")
            returns = bare.count(b"\r") - bare.endswith(b"\r")
            if bare.count(b"\n") != lines or returns != lines:
                raise FormatError("a line ends without CR LF")
        return -1
    return end + 4


def parse_request(data: bytes) -> Head:
    """The request head that `data` starts with (`head_end` said it is complete)."""
    line = _REQUEST_LINE.match(data)
    if line is None:
        raise FormatError("the request line is malformed")
    if not _TARGET.match(line[2]) and (line[1], line[2]) != (b"OPTIONS", b"*"):
        raise FormatError("the target is neither a path nor a URL")
    headers, special, size = _parse_headers(data, line.end())
    _check_host(special, line[3])
    return Head(line[1], line[2], line[3], 0, b"", headers, size, special)


def check_request(version: bytes, headers: Headers) -> None:
    """Whether a request that another parser took is as strict as ours are. Raises FormatError."""
    if version not in {b"HTTP/1.0", b"HTTP/1.1"}:
        raise FormatError("the version is neither HTTP/1.0 nor HTTP/1.1")
    special = special_of(headers)
    _check_host(special, version)
    request_framing(Head(b"", b"", version, 0, b"", headers, 0, special))


def special_of(headers: Headers) -> Special:
    """The headers that framing, routing and admission look at."""
    named = [(name.lower(), value) for name, value in headers]
    return tuple([pair for pair in named if pair[0] in _SPECIAL])


def _check_host(special: Special, version: bytes) -> None:
    hosts = [value for name, value in special if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == b"HTTP/1.1"):
        raise FormatError("there must be exactly one Host header")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise FormatError("the Host header is malformed")


def parse_connect(data: bytes) -> tuple[Head, str, int]:
    """The CONNECT head that `data` starts with, and the host and port it names (RFC 9110, 9.3.6).

    A Host header need not be there, nor brackets round an IPv6 address (Python's before 3.13):
    some clients send none. With a port after it, such an address can be read in one way only.
    """
    line = _REQUEST_LINE.match(data)
    place = _AUTHORITY.fullmatch(line[2]) if line is not None else None
    host = place[1].strip(b"[]").decode("ascii") if place is not None else ""
    if line is None or line[1] != b"CONNECT" or place is None or not is_host(host):
        raise FormatError("the request line is malformed: CONNECT takes host:port")
    port = int(place[2])
    if not 0 < port < 65536:  # noqa: PLR2004 - ports
        raise FormatError("there is no such port")
    headers, special, size = _parse_headers(data, line.end())
    head = Head(line[1], line[2], line[3], 0, b"", headers, size, special)
    if sum(name == b"host" for name, _ in special) > 1:
        raise FormatError("there must be exactly one Host header")
    if any(_delimiters(head)):
        raise FormatError("a CONNECT has no body")
    return head, host, port


def is_host(host: str) -> bool:
    """Whether it can be a host's name, or is an address (of IPv6 without brackets)."""
    if ":" not in host:
        return _NAME_OF_HOST.fullmatch(host) is not None
    try:
        return bool(ipaddress.IPv6Address(host))
    except ValueError:
        return False


def parse_response(data: bytes) -> Head:
    """The response head that `data` starts with."""
    line = _STATUS_LINE.match(data)
    if line is None:
        raise FormatError("the status line is malformed")
    headers, special, size = _parse_headers(data, line.end())
    return Head(b"", b"", line[1], int(line[2]), line[3] or b"", headers, size, special)


def _parse_headers(data: bytes, at: int) -> tuple[Headers, Special, int]:
    if data.startswith(b"\r\n", at):
        return (), (), at + 2
    end = data.index(b"\r\n\r\n", at)
    lines = data[at:end].split(b"\r\n")
    if len(lines) > MAX_HEADERS:
        raise FormatError(f"there are more than {MAX_HEADERS} headers")
    found = [_known.get(line) or _line(line, lines) for line in lines]
    special = tuple([(lower, pair[1]) for pair, lower in found if lower is not None])
    return tuple([pair for pair, _ in found]), special, end + 4


def _line(line: bytes, lines: list[bytes]) -> _Line:
    """One of the header lines. Clients and servers send nearly the same ones every time."""
    parsed = _HEADER.fullmatch(line)
    if parsed is None:
        name = _NAME.match(line)
        if name is not None and line.startswith(b":", name.end()):
            raise FormatError(f"the value of header {name[0][:40].decode()!r} is malformed")
        raise FormatError(f"the name of header number {lines.index(line) + 1} is malformed")
    lower = parsed[1].lower()
    made = (parsed[1], parsed[2].strip(b" \t")), lower if lower in _SPECIAL else None
    if len(line) <= _MAX_KNOWN_LINE:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[line] = made
    return made


def request_framing(head: Head) -> Framing:
    """How the request's body is delimited."""
    length, chunked = _delimiters(head)
    if chunked and head.version == b"HTTP/1.0":
        raise FormatError("Transfer-Encoding in an HTTP/1.0 request")
    return Framing(None if chunked else (length or 0), chunked, until_close=False)


def response_framing(head: Head, method: bytes) -> Framing:
    """How the response's body is delimited, for an answer to `method`."""
    if head.status < 200 or head.status in {204, 304} or method == b"HEAD":  # noqa: PLR2004 - RFC 9112, 6.3
        return Framing(0, chunked=False, until_close=False)
    length, chunked = _delimiters(head, repeats=True)
    if chunked:
        return Framing(None, chunked=True, until_close=False)
    if length is not None:
        return Framing(length, chunked=False, until_close=False)
    return Framing(None, chunked=False, until_close=True)


def _delimiters(head: Head, *, repeats: bool = False) -> tuple[int | None, bool]:
    """Length and whether it is chunked; `repeats` allows the same length several times."""
    length: int | None = None
    chunked = False
    for name, value in head.special:
        if name == b"content-length":
            if length is None and _LENGTH.fullmatch(value):
                length = int(value)
            elif not repeats or (length := _repeated(value, length)) is None:
                raise FormatError("Content-Length is doubled or not a number")
        elif name == b"transfer-encoding":
            if chunked or value.lower() != _CHUNKED:
                raise FormatError("Transfer-Encoding is doubled or not `chunked`")
            chunked = True
    if chunked and length is not None:
        raise FormatError("both Content-Length and Transfer-Encoding")
    return length, chunked


def _repeated(value: bytes, before: int | None) -> int | None:
    """The one length that is said again; clients take it (RFC 9112, 6.3)."""
    said = [one.strip(b" \t") for one in value.split(b",")]
    if not all(_LENGTH.fullmatch(one) for one in said):
        return None
    found = {int(one) for one in said} | ({before} if before is not None else set())
    return found.pop() if len(found) == 1 else None


def keeps_alive(head: Head) -> bool:
    """Whether the connection may carry another message after this one."""
    tokens = connection_tokens(head.special)
    if b"close" in tokens:
        return False
    if head.version == b"HTTP/1.1":
        return True
    # RFC 9112, 6.1: what HTTP/1.0 says of a transfer coding is not to be relied on afterwards.
    return b"keep-alive" in tokens and header(head.special, b"transfer-encoding") is None


def connection_tokens(headers: Headers) -> frozenset[bytes]:
    """The lower-case tokens of the Connection headers."""
    said = [value for name, value in headers if len(name) == 10 and name.lower() == b"connection"]  # noqa: PLR2004 - the name's length
    if not said:
        return _NOTHING
    return frozenset([token.strip().lower() for value in said for token in value.split(b",")])


def body_reader(framing: Framing) -> BodyReader:
    """The reader for a body delimited like this."""
    if framing.chunked:
        return ChunkedBody()
    if framing.until_close:
        return CloseBody()
    return LengthBody(framing.length or 0)


class LengthBody:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self.left = length
        self.trailers: Headers = ()

    def feed(self, data: bytes) -> Fed:
        """See `BodyReader`."""
        size = len(data)
        if size < self.left:
            self.left -= size
            return Fed(size, [data] if data else [], size, done=False)
        used, self.left = self.left, 0
        piece = data if used == size else data[:used]
        return Fed(used, [piece] if used else [], 0, done=True)

    def eof(self) -> bool:
        """See `BodyReader`."""
        return self.left == 0


class CloseBody:
    """A body that ends with its connection."""

    def __init__(self) -> None:
        self.trailers: Headers = ()

    def feed(self, data: bytes) -> Fed:
        """See `BodyReader`."""
        return Fed(len(data), [data] if data else [], len(data), done=False)

    def eof(self) -> bool:
        """See `BodyReader`."""
        return True


def _new_size(data: bytes, at: int) -> int:
    """The size of a chunk, from its line; 0 when the line is another one than the usual."""
    line = _SIZE.match(data, at)
    length = int(line[1], 16) if line is not None else 0
    if line is not None and length:
        if len(_sizes) >= _MAX_KNOWN:
            _sizes.clear()
        _sizes[line[1]] = length
    return length


class ChunkedBody:
    """A chunked body. A piece is one chunk; a chunk that came in several reads is one piece.

    When the connection dies inside a chunk, `rest` is what had come of it. When `feed` raises,
    `good` bytes of what it was given were still in order, with `found` as their pieces.
    """

    def __init__(self) -> None:
        self.trailers: Headers = ()
        self._line = b""  # an incomplete size line or trailer section
        self._chunk: list[bytes] = []
        self._left = 0  # payload bytes missing in the open chunk
        self._crlf = 0  # bytes of the CR LF after it that are missing
        self._last = False  # the zero chunk has been seen
        self._done = False
        self.good = 0
        self.found: list[bytes] = []

    @property
    def rest(self) -> bytes:
        """Payload of a chunk that is not complete yet."""
        return b"".join(self._chunk)

    @property
    def missing(self) -> int:
        """How many bytes that chunk announced beside them."""
        return self._left

    def feed(self, data: bytes) -> Fed:
        """See `BodyReader`."""
        at, size, mark = 0, len(data), 0  # 0 too when the last chunk's line came before
        pieces = self.found = []
        while at < size and not self._done:
            self.good = at
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                if self._left or self._chunk:
                    self._chunk.append(piece)
                    piece = b""
                if not self._left:
                    pieces.append(piece or b"".join(self._chunk))
                    self._chunk.clear()
                continue
            if self._crlf:
                want = b"\r\n"[2 - self._crlf :]
                got = data[at : at + len(want)]
                if got != want[: len(got)]:
                    raise FormatError("a chunk does not end where it says")
                at += len(got)
                self._crlf -= len(got)
                continue
            if self._last:
                at = self._trailer(data, at)
                continue
            start = at
            at = self._next_chunks(data, at)
            if self._last:
                mark = start
        return Fed(at, pieces, mark if self._done else at, done=self._done)

    def _next_chunks(self, data: bytes, at: int) -> int:
        """Whole chunks, or the line that begins one which is not, or which is odd."""
        if not self._line and (end := self._whole_chunks(data, at)) > at:
            return end
        at, length = self._size_line(data, at)
        if length:
            self._left, self._crlf = length, 2
        self._last = length == 0
        return at

    def _whole_chunks(self, data: bytes, at: int) -> int:
        """Passes over chunks that are there as a whole, to the first one that is not."""
        found = self.found
        while (line := data.find(b"\r\n", at, at + _SIZE_LINE)) > 0:
            length = _sizes.get(data[at:line]) or _new_size(data, at)
            end = line + 2 + length
            if not length or data[end : end + 2] != b"\r\n":
                break
            found.append(data[line + 2 : end])
            at = end + 2
        return at

    def _size_line(self, data: bytes, at: int) -> tuple[int, int | None]:
        """Where the line ends, and the size; None when it has not come whole."""
        end = data.find(b"\n", at) + 1 or len(data)
        line = self._line + data[at:end]
        if len(line) > _MAX_CHUNK_LINE:
            raise FormatError("a chunk size line is too long")
        found = _CHUNK_LINE.fullmatch(line)
        if found is None:
            raise FormatError("a chunk size line is malformed")
        if not line.endswith(b"\n"):
            self._line = line
            return end, None
        self._line = b""
        return end, int(found[1], 16)

    def _trailer(self, data: bytes, at: int) -> int:
        section = self._line + data[at:]
        if section.startswith(b"\r\n"):
            self._done = True
            used = 2 - len(self._line)
            self._line = b""
            return at + used
        end = _section_end(section, len(self._line), _MAX_TRAILER, "trailer section")
        if end < 0:
            self._line = section
            return len(data)
        self.trailers, *_ = _parse_headers(section, 0)
        if any(name.lower() in HEAD_ONLY for name, _ in self.trailers):
            raise FormatError("a trailer says what only a header may say")
        used = end - len(self._line)
        self._line = b""
        self._done = True
        return at + used

    def eof(self) -> bool:
        """See `BodyReader`."""
        return self._done


def is_token(name: bytes) -> bool:
    """Whether `name` may be a header's name."""
    return _NAME.fullmatch(name) is not None


def chunk(data: bytes) -> bytes:
    """`data` as one chunk on the wire; not empty, that would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def render_headers(headers: Headers) -> bytes:
    """Header lines and the blank line after them."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers]) + b"\r\n"
