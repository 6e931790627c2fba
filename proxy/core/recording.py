"""A run in its portable form: `*.dashcam.jsonl`, text, one JSON object a line.

    {"format":"dashcam-recording","version":1,"created_by":…,"run":{…},"counts":{…},"ignore":[…]}
    {"exchange":{…}}      by place in the run
    {"event":{…}}         by start
    {"outcome":{…}}       oldest first
    {"end":{"lines":N,"crc32":"…","digest":"sha256:…"}}

Nothing is lost on the way out and back. The same run gives the same bytes. The last line counts the
lines before it, has eight hex digits for each of them (to name the one that is damaged), and the
digest of all of them (line ends as LF). `"edited":true` in the first line says that somebody
changed the file on purpose: then these are not compared. Anything else that is not as described is
refused with the number of the line. docs/recordings.md describes every field.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from proxy.core import canonical, plain, records
from proxy.core import record_forms as forms
from proxy.core.matching import IgnoreRule
from proxy.core.model import Event, Exchange, Outcome, Run, Snapshot
from proxy.errors import RecordingFormatError

FORMAT: Final = "dashcam-recording"
VERSION: Final = 1
SUFFIX: Final = ".dashcam.jsonl"
CREATED_BY: Final = "dashcam"
MAX_DECODED: Final = 1024 * 1024  # characters of base64; larger bodies are not for reading
MAX_LINE: Final = 512 * 1024 * 1024  # bytes; an exchange is one line

_RECORDS: Final[Mapping[str, records.Record]] = {
    "exchange": records.EXCHANGE,
    "event": records.EVENT,
    "outcome": records.OUTCOME,
}
_PLURAL: Final = {"exchange": "exchanges", "event": "events", "outcome": "outcomes"}


@dataclass(slots=True, frozen=True)
class Header:
    """The first line. `counts` has `exchanges`, `events` and `outcomes`."""

    run: Run
    counts: Mapping[str, int]
    ignore: tuple[IgnoreRule, ...] = ()
    created_by: str = CREATED_BY
    edited: bool = False


type Item = Header | Exchange | Event | Outcome


@dataclass(slots=True)
class _Progress:
    """Where the reader is."""

    line: int = 0
    sums: list[str] = field(default_factory=list)  # one a line
    hash: Any = field(default_factory=hashlib.sha256)
    seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_PLURAL.values(), 0))

    def fail(self, what: str, *, hint: str | None = None) -> RecordingFormatError:
        return RecordingFormatError(f"line {self.line}: {what}", hint=hint)


def ignore_rules(run: Run) -> tuple[IgnoreRule, ...]:
    """The rules that a run carries, kept in its metadata under `ignore`; ValueError if broken."""
    return tuple(records.read(records.IGNORE, rule) for rule in run.metadata.get("ignore", ()))


def with_ignore_rules(run: Run, rules: Iterable[IgnoreRule]) -> Run:
    """A copy of `run` that carries exactly these rules."""
    metadata = {key: value for key, value in run.metadata.items() if key != "ignore"}
    if written := [records.write(records.IGNORE, rule) for rule in rules]:
        metadata["ignore"] = written
    return replace(run, metadata=metadata)


def dump(snapshot: Snapshot) -> Iterator[bytes]:
    """The lines of a recording, each with its line end; the same snapshot gives the same bytes."""
    run = snapshot.run
    lines: dict[str, list[Any]] = {
        "exchange": sorted(snapshot.exchanges, key=lambda one: (one.seq, one.started_at, one.id)),
        "event": sorted(snapshot.events, key=lambda one: (one.started_at, one.id or 0)),
        "outcome": sorted(snapshot.outcomes, key=lambda one: one.created_at),
    }
    header = {
        "format": FORMAT,
        "version": VERSION,
        "created_by": CREATED_BY,
        "run": records.write(records.RUN, with_ignore_rules(run, ())),
        "counts": {_PLURAL[kind]: len(values) for kind, values in lines.items()},
        "ignore": [records.write(records.IGNORE, rule) for rule in ignore_rules(run)],
    }
    total = hashlib.sha256()
    sums: list[str] = []
    for record in _records(header, lines, run.id):
        line = _line(record)
        total.update(line)
        sums.append(_sum(line))
        yield line
    digest = f"sha256:{total.hexdigest()}"
    yield _line({"end": {"lines": len(sums), "crc32": "".join(sums), "digest": digest}})


def _records(header: Any, lines: Mapping[str, list[Any]], run_id: str) -> Iterator[dict[str, Any]]:
    yield header
    for kind, values in lines.items():
        for value in values:
            written = records.write(_RECORDS[kind], value)
            if kind == "exchange":
                _add_decoded(value, written)
            if written["run_id"] == run_id:
                del written["run_id"]
            yield {kind: written}


def _add_decoded(exchange: Exchange, written: dict[str, Any]) -> None:
    """Beside an encoded body that is no text, what it says: for people, readers skip it."""
    for name in ("request_body", "response_body"):
        body = written.get(name, {})
        if "base64" in body and len(body["base64"]) <= MAX_DECODED:
            sent = name == "request_body"
            request = exchange.request, exchange.request_body.data
            found = forms.write_bytes(plain.request(*request) if sent else plain.answer(exchange))
            if "base64" not in found:
                body["decoded"] = found.get("json", found.get("text"))


def _line(record: dict[str, Any]) -> bytes:
    """One line; what orjson cannot spell (huge integers, lone surrogates) is wrapped as text."""
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        escaped = json.dumps(record, separators=(",", ":"), default=_fragment)
        return orjson.dumps({"escaped": escaped}, option=orjson.OPT_APPEND_NEWLINE)


def _fragment(fragment: orjson.Fragment) -> Any:
    return orjson.loads(orjson.dumps(fragment))


def _sum(line: bytes) -> str:
    return f"{zlib.crc32(line):08x}"


def load(lines: Iterable[bytes]) -> Snapshot:
    """The whole run; RecordingFormatError as `read`."""
    snapshot: Snapshot | None = None
    for item in read(lines):
        match item:
            case Header():
                snapshot = Snapshot(with_ignore_rules(item.run, item.ignore))
            case Exchange() if snapshot is not None:
                snapshot.exchanges.append(item)
            case Event() if snapshot is not None:
                snapshot.events.append(item)
            case Outcome() if snapshot is not None:
                snapshot.outcomes.append(item)
    if snapshot is None:
        raise RecordingFormatError("line 1: the file is empty")
    return snapshot


def read(lines: Iterable[bytes]) -> Iterator[Item]:
    """The header, then everything else in order, one in memory at a time.

    Args:
        lines: the file's lines with their ends, as iterating over a binary file gives them.

    Raises:
        RecordingFormatError: it is no recording, newer than this program, damaged or cut off; the
            message starts with the number of the line. The digest is compared at the end.
    """
    at = _Progress()
    header: Header | None = None
    ended = False
    for raw in lines:
        at.line += 1
        if ended:
            raise at.fail("there is more after the end of the recording")
        line = raw[:-2] + b"\n" if raw.endswith(b"\r\n") else raw  # git may have changed them
        if header is None:
            header = _header(at, _parse(at, line))
            yield header
        else:
            data = _parse(at, line) if header.edited else _parse_quickly(at, line)
            if "end" in data:
                if not header.edited:
                    _check_end(at, data, header)
                ended = True
                continue
            yield _record(at, data, header.run.id)
        at.sums.append(_sum(line))
        at.hash.update(line)
    at.line += 1
    if header is None:
        raise at.fail("the file is empty", hint="Export the run again.")
    if not ended:
        raise at.fail("the file was cut off here: its last line is missing", hint=_AGAIN)


def exchange_of(line: bytes, header: Header) -> Exchange:
    """The exchange in one line of a file with this header; RecordingFormatError if it has none."""
    at = _Progress()
    line = line[:-2] + b"\n" if line.endswith(b"\r\n") else line
    data = _parse(at, line) if header.edited else _parse_quickly(at, line)
    found = _record(at, data, header.run.id)
    if not isinstance(found, Exchange):
        raise at.fail("an exchange expected")
    return found


_AGAIN: Final = "Export the run again, or take the file from version control."
_EDITED: Final = 'If you edited it on purpose, put "edited":true into its first line.'
_BODY: Final = re.compile(rb',"(request|response)_body":\{"bytes":(\d+),"json":')


def _parse(at: _Progress, line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise at.fail(f"longer than {MAX_LINE >> 20} MiB")
    if not line.endswith(b"\n"):
        raise at.fail("the file was cut off in the middle of this line", hint=_AGAIN)
    try:
        data = orjson.loads(line)
        if type(data) is dict and data.keys() == {"escaped"}:
            data = canonical.loads(data["escaped"])
    except (ValueError, TypeError) as why:
        if at.line == 1:
            raise at.fail("this is no Dashcam recording") from None
        raise at.fail(f"not JSON: {why}", hint=_AGAIN) from None
    if type(data) is not dict:
        raise at.fail("not a JSON object" if at.line > 1 else "this is no Dashcam recording")
    return data


def _parse_quickly(at: _Progress, line: bytes) -> dict[str, Any]:
    """As `_parse`, but JSON bodies are cut out of the line by their size, as they are.

    What a size says is checked as far as it can be without parsing; the digest at the end of the
    file vouches for the rest. A line that is not as it is written here is parsed as a whole.
    """
    bodies: dict[str, bytes] = {}
    pieces: list[bytes] = []
    done = 0
    while match := _BODY.search(line, done):
        start, end = match.end(), match.end() + int(match[2][:12])
        name = match[1].decode() + "_body"
        if name in bodies or line[end : end + 1] not in (b",", b"}"):
            return _parse(at, line)
        bodies[name] = line[start:end]
        pieces += line[done:start], b'"\\u0000%d"' % len(bodies)
        done = end
    if not bodies or len(line) > MAX_LINE or not line.endswith(b"\n"):
        return _parse(at, line)
    try:
        data = orjson.loads(b"".join((*pieces, line[done:])))
        for number, (name, body) in enumerate(bodies.items(), 1):
            written = data["exchange"][name]
            if written["json"] != f"\0{number}":
                return _parse(at, line)
            written["json"] = forms.Raw(body)
    except (ValueError, TypeError, KeyError):
        return _parse(at, line)
    return data  # type: ignore[no-any-return]  # an object: it has a member


def _header(at: _Progress, data: dict[str, Any]) -> Header:
    version = data.pop("version", None)
    if data.pop("format", None) != FORMAT or type(version) is not int:
        raise at.fail("this is no Dashcam recording")
    if version > VERSION:
        what = f"written by a newer Dashcam (format {version}, this program reads {VERSION})"
        raise at.fail(what, hint="Upgrade Dashcam.")
    if version < 1:
        raise at.fail(f"unknown format version {version}")
    counts = data.pop("counts", None)
    if type(counts) is not dict or counts.keys() != at.seen.keys():
        raise at.fail("counts: exchanges, events and outcomes expected")
    try:
        created_by = data.pop("created_by", "")
        edited = data.pop("edited", False) is True
        run = records.read(records.RUN, data.pop("run", None))
        rules = tuple(records.read(records.IGNORE, rule) for rule in data.pop("ignore", ()))
    except (ValueError, TypeError) as why:
        raise at.fail(str(why)) from None
    if data:
        raise at.fail(f"unknown field {min(data)!r}")
    return Header(run, counts, rules, str(created_by), edited)


def _record(at: _Progress, data: dict[str, Any], run_id: str) -> Exchange | Event | Outcome:
    kind = next(iter(data), "")
    if len(data) != 1 or kind not in _RECORDS:
        raise at.fail(f"one of {', '.join(_RECORDS)} or end expected")
    at.seen[_PLURAL[kind]] += 1
    try:
        return records.read(_RECORDS[kind], data[kind], run_id=run_id)  # type: ignore[no-any-return]  # by its table
    except ValueError as why:
        raise at.fail(f"{kind}: {why}") from None


def _check_end(at: _Progress, data: dict[str, Any], header: Header) -> None:
    end = data["end"]
    if len(data) != 1 or type(end) is not dict or end.keys() != {"lines", "crc32", "digest"}:
        raise at.fail("end: lines, crc32 and digest expected")
    here = {
        "lines": len(at.sums),
        "crc32": "".join(at.sums),
        "digest": f"sha256:{at.hash.hexdigest()}",
    }
    if end == here and dict(header.counts) == at.seen:
        return
    if end["digest"] == here["digest"]:
        raise at.fail("this line is damaged", hint=_AGAIN)
    if end["lines"] == here["lines"] and type(end["crc32"]) is str:
        written = [end["crc32"][at : at + 8] for at in range(0, len(end["crc32"]), 8)]
        pairs = enumerate(zip(written, at.sums, strict=False), 1)
        at.line = next((line for line, (old, new) in pairs if old != new), at.line)
        raise at.fail("not what was written here: damaged, or edited", hint=_EDITED)
    missing = f"{end['lines']} lines were written before this one, {here['lines']} are here"
    raise at.fail(missing, hint=_AGAIN)
