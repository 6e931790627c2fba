"""What the SQLite store costs: bytes on disk, and the writer's CPU for an exchange.

Run it as `python benchmarks/store.py [--million]`. Prints tables; every store is made in a temporary
folder and every body is read back and compared. CPU is this process's own (`process_time`), the
best of several rounds for the runs, because other programs slow a shared machine down.
"""

import argparse
import gc
import json
import random
import sqlite3
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from proxy.core.model import Body, Event, Exchange, Part, RequestHead, ResponseHead, Run
from proxy.engine.understand import event_of
from proxy.stores import open_store, sqlite_search
from proxy.stores._api import AddExchange, CloseRun, OpenRun, RunQuery, Write
from proxy.stores.sqlite import SqliteStore
from proxy.stores.sqlite_connect import transaction

TURNS = 60
NEW_BYTES = 4000  # of text that each turn adds
START = 1_763_000_000.0


def source_texts() -> list[str]:
    """What an agent reads: files of source code, each of some size."""
    folder = Path(sysconfig.get_path("stdlib"))
    texts = [path.read_text(errors="replace") for path in sorted(folder.glob("*.py"))]
    return [text for text in texts if len(text) > 2 * NEW_BYTES]


def reading(kind: str, texts: list[str], rng: random.Random) -> str:
    """A tool's answer: a part of a file, words in no order, or something that is all noise."""
    text = rng.choice(texts)
    if kind == "code":
        start = rng.randrange(len(text) - NEW_BYTES)
        return text[start : start + NEW_BYTES]
    if kind == "words":
        words = text.split()
        return " ".join(rng.choice(words) for _ in range(NEW_BYTES // 7))[:NEW_BYTES]
    return rng.randbytes(NEW_BYTES // 2).hex()


def tools() -> list[dict[str, object]]:
    """The tools that each request offers again."""
    about = {
        "read_file": "Read a file of the working tree and return its text.",
        "write_file": "Write text to a file of the working tree, making folders as needed.",
        "search": "Search the working tree with a regular expression.",
        "run": "Run a shell command and return what it prints and its exit code.",
        "customer": "Look a customer up by id, with the invoices of the last year.",
    }
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Relative to the root of the tree."},
            "pattern": {"type": "string"},
            "limit": {"type": "integer", "default": 20, "minimum": 1},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    return [
        {"type": "function", "function": {"name": name, "description": text, "parameters": schema}}
        for name, text in about.items()
    ]


def request_headers(size: int) -> tuple[tuple[bytes, bytes], ...]:
    """As the openai package sends them."""
    return (
        (b"Host", b"api.openai.com"),
        (b"Accept-Encoding", b"gzip, deflate"),
        (b"Connection", b"keep-alive"),
        (b"Accept", b"application/json"),
        (b"Content-Type", b"application/json"),
        (b"User-Agent", b"OpenAI/Python 3.54.0"),
        (b"X-Stainless-Lang", b"python"),
        (b"X-Stainless-Package-Version", b"3.54.0"),
        (b"X-Stainless-OS", b"Linux"),
        (b"X-Stainless-Arch", b"x64"),
        (b"X-Stainless-Runtime", b"CPython"),
        (b"X-Stainless-Runtime-Version", b"3.13.0"),
        (b"Authorization", b"Bearer {{secret:openai-key:5f1c}}"),
        (b"X-Stainless-Async", b"false"),
        (b"x-stainless-retry-count", b"0"),
        (b"x-stainless-read-timeout", b"600"),
        (b"Content-Length", str(size).encode()),
    )


def response_headers(rng: random.Random, size: int) -> tuple[tuple[bytes, bytes], ...]:
    """As the provider's edge sends them: a few that change, many that do not."""
    return (
        (
            b"Date",
            f"Sun, 22 Nov 2026 12:{rng.randrange(60):02}:{rng.randrange(60):02} GMT".encode(),
        ),
        (b"Content-Type", b"application/json"),
        (b"Content-Length", str(size).encode()),
        (b"Connection", b"keep-alive"),
        (b"access-control-expose-headers", b"X-Request-ID"),
        (b"openai-organization", b"acme"),
        (b"openai-processing-ms", str(rng.randrange(300, 9000)).encode()),
        (b"openai-version", b"2020-10-01"),
        (b"x-ratelimit-limit-requests", b"30000"),
        (b"x-ratelimit-limit-tokens", b"150000000"),
        (b"x-ratelimit-remaining-requests", b"29999"),
        (b"x-ratelimit-remaining-tokens", str(rng.randrange(149_000_000, 150_000_000)).encode()),
        (b"x-request-id", f"req_{rng.randbytes(16).hex()}".encode()),
        (b"cf-cache-status", b"DYNAMIC"),
        (b"Server", b"cloudflare"),
        (b"CF-RAY", f"{rng.randbytes(8).hex()}-FRA".encode()),
        (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
    )


def answer(rng: random.Random, message: Mapping[str, object], turn: int) -> bytes:
    """The provider's JSON."""
    body = {
        "id": f"chatcmpl-{rng.randbytes(14).hex()}",
        "object": "chat.completion",
        "created": int(START) + turn * 3,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {
            "prompt_tokens": 2000 + turn * 900,
            "completion_tokens": rng.randrange(40, 200),
            "total_tokens": 2100 + turn * 900,
            "prompt_tokens_details": {"cached_tokens": 1024 * turn, "audio_tokens": 0},
        },
        "system_fingerprint": f"fp_{rng.randbytes(5).hex()}",
    }
    return json.dumps(body, indent=2).encode()


def streamed(
    rng: random.Random, message: Mapping[str, object], turn: int
) -> tuple[bytes, tuple[Part, ...]]:
    """The same as server-sent events, a few characters each, with the times they came at."""
    head = {
        "id": f"chatcmpl-{rng.randbytes(14).hex()}",
        "object": "chat.completion.chunk",
        "created": int(START) + turn * 3,
        "model": "gpt-5-mini-2025-08-07",
    }
    text = json.dumps(message)
    events = []
    at = 400_000
    parts = []
    for start in range(0, len(text), 4):
        delta = {"index": 0, "delta": {"content": text[start : start + 4]}, "finish_reason": None}
        event = b"data: " + json.dumps({**head, "choices": [delta]}).encode() + b"\n\n"
        events.append(event)
        at += rng.randrange(5_000, 40_000)
        parts.append(Part(at, len(event)))
    events.append(b"data: [DONE]\n\n")
    parts.append(Part(at + 100, len(events[-1])))
    return b"".join(events), tuple(parts)


def agent_run(
    run_id: str, texts: list[str], kind: str, *, turns: int = TURNS, stream: bool = False
) -> Iterator[Exchange]:
    """An agent that reads file after file; every request repeats the whole conversation."""
    rng = random.Random(run_id)
    system = "You repair invoices. " + texts[3][:4000]
    messages: list[Mapping[str, object]] = [
        {"role": "system", "content": system},
        {"role": "user", "content": "Invoice 4711 is wrong. Find out why, and repair the code."},
    ]
    for turn in range(turns):
        request = {"model": "gpt-5-mini", "messages": messages, "tools": tools(), "stream": stream}
        body = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()
        arguments = json.dumps({"path": f"src/{rng.randrange(99)}.py", "limit": rng.randrange(400)})
        use = {
            "id": f"call_{rng.randbytes(12).hex()}",
            "type": "function",
            "function": {"name": "read_file", "arguments": arguments},
        }
        said = " ".join(rng.choice(texts).split()[:25])
        message = {"role": "assistant", "content": said, "tool_calls": [use]}
        started = START + turn * 3 + rng.random()
        if stream:
            data, parts = streamed(rng, message, turn)
        else:
            data = answer(rng, message, turn)
            parts = (Part(rng.randrange(400_000, 3_000_000), len(data)),)
        yield Exchange(
            id=f"ex_{rng.randbytes(13).hex().upper()}",
            run_id=run_id,
            seq=turn + 1,
            via="forward",
            started_at=started,
            request=RequestHead(
                "POST",
                "https",
                "api.openai.com",
                443,
                "/v1/chat/completions",
                headers=request_headers(len(body)),
            ),
            request_body=Body(body, (Part(rng.randrange(900), len(body)),)),
            response=ResponseHead(200, "OK", headers=response_headers(rng, len(data))),
            response_body=Body(data, parts),
            request_end_us=rng.randrange(900),
            first_byte_us=parts[0].at_us,
            ended_us=parts[-1].at_us + 40,
            lane="fast",
        )
        read = {"role": "tool", "tool_call_id": use["id"], "content": reading(kind, texts, rng)}
        messages = [*messages, message, read]


def files_bytes(path: Path) -> int:
    """The database with all that stands beside it."""
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def open_at(folder: Path, durability: str = "durable") -> SqliteStore:
    """A new store."""
    store = open_store(f"sqlite:///{folder / 'dashcam.db'}", durability=durability)
    assert isinstance(store, SqliteStore)
    return store


def one_run(texts: list[str], kind: str, *, stream: bool) -> None:
    """Size of one run on disk; CPU of the writer, exchange by exchange."""
    exchanges = list(agent_run(f"run_{kind}", texts, kind, stream=stream))
    writes = [AddExchange(exchange, event_of(exchange)) for exchange in exchanges]
    raw = sum(len(x.request_body.data) + len(x.response_body.data) for x in exchanges)
    best = [1e9] * TURNS
    size = 0
    for _ in range(5):
        with tempfile.TemporaryDirectory() as name:
            store = open_at(Path(name))
            store.write([OpenRun(Run(f"run_{kind}", "bench", "bench", START))])
            gc.disable()
            for turn, write in enumerate(writes):
                before = time.process_time()
                store.write([write])
                best[turn] = min(best[turn], time.process_time() - before)
            gc.enable()
            assert [x.request_body for x in store.exchanges(f"run_{kind}")] == [
                x.request_body for x in exchanges
            ]
            assert store.snapshot(f"run_{kind}").exchanges == exchanges
            assert not store.verify()
            store.write([CloseRun(f"run_{kind}", START + 500)])
            store.close()
            size = files_bytes(Path(name) / "dashcam.db")
    at_30 = sum(best[27:33]) / 6 * 1e6
    print(
        f"{kind + (' streamed' if stream else ''):16}{raw / 1e6:8.2f}{size / 1e6:9.3f}"
        f"{raw / size:8.0f}x{at_30:10.0f}{sum(best) / TURNS * 1e6:10.0f}"
    )


def throughput(texts: list[str], batch: int, durability: str) -> None:
    """Exchanges of 20 KB with nothing in common, in batches."""
    rng = random.Random(7)
    count = 2000
    template = next(agent_run("run_many", texts, "code", turns=1))
    writes: list[Write] = []
    for number in range(count):
        text = rng.choice(texts)
        start = rng.randrange(len(text))
        body = json.dumps(
            {"q": (text[start:] + text)[:9000], "n": rng.randbytes(400).hex()}
        ).encode()
        exchange = Exchange(
            **{
                **{name: getattr(template, name) for name in Exchange.__slots__},
                "id": f"ex_{number:020}",
                "run_id": f"run_{number % 40}",
                "seq": 0,
                "request_body": Body(body[:10_000], (Part(0, 10_000),)),
                "response_body": Body(body[::-1][:10_000], (Part(9, 10_000),)),
            }
        )
        event = Event(exchange.run_id, "http", "GET /", exchange.started_at)
        writes.append(AddExchange(exchange, event))
    with tempfile.TemporaryDirectory() as name:
        store = open_at(Path(name), durability)
        wall, cpu = time.perf_counter(), time.process_time()
        for start in range(0, count, batch):
            store.write(writes[start : start + batch])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        store.close()
    print(f"{batch:6}{durability:>10}{count / wall:12.0f}{cpu / count * 1e6:12.0f}")


COPIES = """
INSERT INTO agent_runs SELECT (:tag || id), label, (:tag || correlation_id), {later}, {later}, outcome,
  failure_mode, metadata FROM agent_runs WHERE length(id) = :length;
INSERT INTO run_totals SELECT :tag || run_id, number + :runs, calls, errors, last_seq, active_at, salt
  FROM run_totals WHERE length(run_id) = :length;
INSERT INTO run_texts SELECT :tag || run_id, text FROM run_texts WHERE length(run_id) = :length;
INSERT INTO events SELECT id + :events, (:tag || run_id), parent_event_id, kind, name, {later},
  {later}, status, data, shape FROM events WHERE id <= :each;
INSERT INTO shapes SELECT :tag || run_id, id, text FROM shapes WHERE length(run_id) = :length;
INSERT INTO exchanges SELECT :tag || id, :tag || run_id, seq, event_id + :events, {later}, via, lane,
  durability, method, scheme, host, port, target, status, ending, error, request_end_us,
  first_byte_us, ended_us, attempt, retry_of, retry_reason, backoff_us, served_from, request_size,
  response_size, record, digest FROM exchanges WHERE length(run_id) = :length;
"""
LATER = "strftime('%Y-%m-%dT%H:%M:%f', started_at, :seconds) || '0000Z'"


def index(writer: sqlite3.Connection) -> None:
    """A search index as if each run had said 200 words; the calls above say none."""
    with transaction(writer):
        sqlite_search.prepare(writer)
        found = writer.execute("SELECT run_id, max(id) FROM events GROUP BY run_id").fetchall()
        for number, (run_id, upto) in enumerate(found):
            common = f"invoice refund {number % 10} " * 40
            text = f"{common} word{number} " + " ".join(
                f"w{number * 31 % 997 + n}" for n in range(80)
            )
            writer.execute("INSERT INTO said (rowid, text) VALUES (?, ?)", (upto, text))
            writer.execute("INSERT INTO searched VALUES (?, ?)", (upto, run_id))
        (last,) = writer.execute("SELECT max(id) FROM events").fetchone()
        writer.execute("UPDATE meta SET value = ? WHERE name = 'searched'", (last,))


def many_runs(runs: int, calls: int, copies: int) -> None:
    """How long it takes to list, filter and open among many: some recorded, then copied by SQL."""
    words = ("invoice", "refund", "triage", "search", "report")
    rng = random.Random(3)
    with tempfile.TemporaryDirectory() as name:
        store = open_at(Path(name), "fast")
        for number in range(runs):
            run_id = f"run_{rng.randbytes(8).hex()}{number:010}"
            at = START + number * 30
            writes: list[Write] = [OpenRun(Run(run_id, words[number % 5], f"corr-{number}", at))]
            for call in range(calls):
                host = f"{words[call % 5]}.example.com"
                head = RequestHead("GET", "https", host, 443, f"/v1/items/{rng.randrange(50)}")
                exchange = Exchange(
                    id=f"ex_{number:010}_{call:06}",
                    run_id=run_id,
                    seq=0,
                    via="forward",
                    started_at=at + call,
                    request=head,
                    response=ResponseHead(200),
                    ended_us=90_000,
                )
                event = Event(run_id, "http", f"GET {host}", at + call, data={"latencyMs": 90})
                writes.append(AddExchange(exchange, event))
            store.write(writes)
        writer = store._writer  # noqa: SLF001 - what is copied is none of the store's business
        for copy in range(1, copies):
            values = {
                "tag": f"c{copy}_",
                "length": 30,
                "runs": runs * copy,
                "each": runs * calls,
                "events": runs * calls * copy,
                "seconds": f"+{copy * runs * 30} seconds",
            }
            for statement in COPIES.format(later=LATER).split(";")[:-1]:
                used = {key: value for key, value in values.items() if f":{key}" in statement}
                writer.execute(statement, used)
            store.checkpoint()
        index(writer)
        (everything,) = writer.execute("SELECT count(*) FROM exchanges").fetchone()
        size = files_bytes(Path(name) / "dashcam.db")
        print(f"{everything:,} exchanges in {runs * copies:,} runs: {size / 1e6:.0f} MB")
        middle = store.runs(RunQuery(until=START + runs * copies * 15, limit=1))[0].run.id
        questions: dict[str, Callable[[], object]] = {
            "newest 50": lambda: store.runs(RunQuery()),
            "by label": lambda: store.runs(RunQuery(label="triage")),
            "open ones": lambda: store.runs(RunQuery(outcome="open")),
            "failed, none": lambda: store.runs(RunQuery(outcome="Failed")),
            "by failure mode, none": lambda: store.runs(RunQuery(outcome="Timeout")),
            "text in all": lambda: store.runs(RunQuery(text="example.com")),
            "text in one": lambda: store.runs(RunQuery(text=f"c1_corr-{runs // 2}")),
            "text in none": lambda: store.runs(RunQuery(text="nowhere")),
            "said in all": lambda: store.runs(RunQuery(search="invoice")),
            "said in a tenth": lambda: store.runs(RunQuery(search='"refund 7"')),
            "said in one": lambda: store.runs(RunQuery(search=f"word{runs // 2}")),
            "said in none": lambda: store.runs(RunQuery(search="nowhere")),
            "find by prefix": lambda: store.find_run(middle[:20]),
            "find last": lambda: store.find_run("last"),
            "events of a run": lambda: store.events(middle),
            "snapshot of a run": lambda: store.snapshot(middle),
            "newest changes": lambda: store.changes(everything - 100),
        }
        for question, ask in questions.items():
            taken = []
            for _ in range(3):
                before = time.perf_counter()
                ask()
                taken.append(time.perf_counter() - before)
            print(f"{question:24}{min(taken) * 1000:10.1f} ms")
        store.close()


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="also ask among a million exchanges")
    arguments = parser.parse_args()
    texts = source_texts()
    print(f"{'60 turns of':16}{'raw MB':>8}{'disk MB':>9}{'':>9}{'us at 30':>10}{'us mean':>10}")
    for kind in ("code", "words", "noise"):
        one_run(texts, kind, stream=False)
    one_run(texts, "code", stream=True)
    print(f"\n{'batch':>6}{'':>10}{'20 KB/s':>12}{'CPU us':>12}")
    for batch, durability in ((1, "durable"), (16, "durable"), (200, "durable"), (200, "fast")):
        throughput(texts, batch, durability)
    if arguments.million:
        print()
        many_runs(1000, 30, 34)


if __name__ == "__main__":
    main()
