"""Secrets of many formats, planted in many places, and the search for what is left of them.

The samples are made here from what the providers hand out, not from the table under test. A longer
run plants more samples of each, and cuts streams at every place: `DASHCAM_SECRET_SAMPLES=25`.
"""

import base64
import gzip
import html
import json
import os
import string
from collections.abc import Callable, Iterator
from random import Random
from urllib.parse import quote, quote_plus

from proxy.core.model import Body, Exchange, Frame, Headers, Part, RequestHead, ResponseHead

UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
ALNUM = UPPER + LOWER + DIGITS
HEX = "0123456789abcdef"
B64 = ALNUM + "+/"
B64U = ALNUM + "-_"

SIZE = int(os.environ.get("DASHCAM_SECRET_SAMPLES", "1"))
CUTS = 16 if SIZE == 1 else 10_000

type Make = Callable[[Random], str]


def rnd(random: Random, alphabet: str, size: int) -> str:
    """Random characters, with a digit, a capital and a small letter where the alphabet has them."""
    while True:
        text = "".join(random.choices(alphabet, k=size))
        wanted = [kind for kind in (DIGITS, LOWER) if set(kind) & set(alphabet)]
        if all(set(kind) & set(text) for kind in wanted) and text[-1] in ALNUM and text[0] in ALNUM:
            return text


def make(prefix: str, alphabet: str, size: int, suffix: str = "") -> Make:
    return lambda random: prefix + rnd(random, alphabet, size) + suffix


def _b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _jwt(random: Random) -> str:
    claims = {"sub": rnd(random, DIGITS, 10), "iat": random.randrange(10**9)}
    head, body = (_b64u(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return f"{head}.{body}.{rnd(random, B64U, 43)}"


def _pem(random: Random) -> str:
    lines = "\n".join(rnd(random, B64, 64) for _ in range(4))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"


SAMPLES: dict[str, Make] = {
    "openai-old": make("sk-", ALNUM, 20, "T3BlbkFJ" + "a1B2c3D4e5F6g7H8i9J0"),
    "openai-project": make("sk-proj-", B64U, 120),
    "openai-service": make("sk-svcacct-", B64U, 120),
    "openai-admin": make("sk-admin-", B64U, 100),
    "openai-ephemeral": make("ek_", HEX, 32),
    "anthropic": make("sk-ant-api03-", B64U, 93, "AA"),
    "anthropic-admin": make("sk-ant-admin01-", B64U, 93, "AA"),
    "anthropic-oauth": make("sk-ant-oat01-", B64U, 86, "AA"),
    "deepseek": make("sk-", HEX, 32),
    "google": make("AIza", B64U, 35),
    "google-oauth": make("ya29.a0", B64U, 120),
    "google-client": make("GOCSPX-", B64U, 28),
    "aws-id": make("AKIA", UPPER + "234567", 16),
    "aws-session-id": make("ASIA", UPPER + "234567", 16),
    "bedrock": make("ABSKQmVkcm9ja0FQSUtleS", B64, 80),
    "azure": make("", ALNUM, 52, "JQQJ99BFACYeBjFXJ3w3AAALACOGz5j0"),
    "entra": lambda random: f"{rnd(random, ALNUM, 3)}8Q~{rnd(random, ALNUM + '-_.~', 34)}",
    "github": make("ghp_", ALNUM, 36),
    "github-oauth": make("gho_", ALNUM, 36),
    "github-app": make("ghs_", ALNUM, 36),
    "github-fine": lambda random: f"github_pat_{rnd(random, ALNUM, 22)}_{rnd(random, ALNUM, 59)}",
    "gitlab": make("glpat-", B64U, 20),
    "slack-bot": lambda random: (
        f"xoxb-{rnd(random, DIGITS + 'x', 12).replace('x', '7')}-{random.randrange(10**12, 10**13)}"
        f"-{rnd(random, ALNUM, 24)}"
    ),
    "slack-app": lambda random: (
        f"xapp-1-A0{rnd(random, UPPER + DIGITS + 'a', 9).upper()}"
        f"-{random.randrange(10**12, 10**13)}-{rnd(random, HEX, 64)}"
    ),
    "stripe": make("sk_live_", ALNUM, 24),
    "stripe-restricted": make("rk_live_", ALNUM, 24),
    "stripe-webhook": make("whsec_", ALNUM, 32),
    "twilio": make("SK", HEX, 32),
    "sendgrid": lambda random: f"SG.{rnd(random, B64U, 22)}.{rnd(random, B64U, 43)}",
    "mailgun": make("key-", HEX, 32),
    "mailchimp": make("", HEX, 32, "-us12"),
    "groq": make("gsk_", ALNUM, 52),
    "xai": make("xai-", ALNUM, 80),
    "huggingface": make("hf_", ALNUM, 34),
    "replicate": make("r8_", ALNUM, 37),
    "openrouter": make("sk-or-v1-", HEX, 64),
    "perplexity": make("pplx-", ALNUM, 48),
    "nvidia": make("nvapi-", B64U, 64),
    "tavily": make("tvly-dev-", ALNUM, 32),
    "pinecone": lambda random: f"pcsk_{rnd(random, ALNUM, 6)}_{rnd(random, ALNUM, 63)}",
    "langsmith": lambda random: f"lsv2_pt_{rnd(random, HEX, 32)}_{rnd(random, HEX, 10)}",
    "langfuse": lambda random: (
        f"sk-lf-{rnd(random, HEX, 8)}-{rnd(random, HEX, 4)}-4{rnd(random, HEX, 3)}"
        f"-a{rnd(random, HEX, 3)}-{rnd(random, HEX, 12)}"
    ),
    "npm": make("npm_", ALNUM, 36),
    "pypi": make("pypi-AgEIcHlwaS5vcmc", B64U, 120),
    "docker": make("dckr_pat_", B64U, 27),
    "digitalocean": make("dop_v1_", HEX, 64),
    "cloudflare": make("cfut_", ALNUM, 48),
    "vercel": make("vcp_", ALNUM, 56),
    "linear": make("lin_api_", ALNUM, 40),
    "notion": make("ntn_", ALNUM, 46),
    "airtable": lambda random: f"pat{rnd(random, ALNUM, 14)}.{rnd(random, HEX, 64)}",
    "telegram": lambda random: f"{random.randrange(10**9, 10**10)}:AA{rnd(random, B64U, 33)}",
    "discord": lambda random: (
        f"M{rnd(random, ALNUM, 25)}.G{rnd(random, ALNUM, 5)}.{rnd(random, B64U, 38)}"
    ),
    "databricks": make("dapi", HEX, 32),
    "supabase": make("sbp_", HEX, 40),
    "vault": make("hvs.", B64U, 90),
    "grafana": lambda random: f"glsa_{rnd(random, ALNUM, 32)}_{rnd(random, HEX, 8)}",
    "shopify": make("shpat_", HEX, 32),
    "jwt": _jwt,
    "age": make("AGE-SECRET-KEY-1", UPPER + "234567", 58),
    "pem": _pem,
}
# No shape at all: known only by where they stand.
SHAPELESS: dict[str, Make] = {
    "mistral": make("", ALNUM, 32),
    "cohere": make("", ALNUM, 40),
    "bare-hex": make("", HEX, 32),
    "aws-secret": make("", B64, 40),
    "password": lambda random: f'{rnd(random, ALNUM, 7)}!"é/&{rnd(random, ALNUM, 5)}',
}

HEAD = RequestHead("POST", "https", "api.example.com", 443, "/v1/things")
JSON: Headers = ((b"content-type", b"application/json"),)


def exchange(
    head: RequestHead = HEAD,
    body: bytes = b"",
    *,
    headers: Headers = (),
    answer: bytes = b"",
    answer_headers: Headers = (),
    frames: tuple[Frame, ...] = (),
    cut: int = 0,
) -> Exchange:
    """An exchange; bodies in parts of `cut` bytes."""

    def whole(data: bytes) -> Body:
        size = cut or max(1, len(data))
        sizes = [len(data[at : at + size]) for at in range(0, len(data), size)]
        return Body(data, tuple(Part(at, one) for at, one in enumerate(sizes)))

    head = RequestHead(
        head.method, head.scheme, head.host, head.port, head.target, headers=headers + head.headers
    )
    return Exchange(
        id="x1",
        run_id="r1",
        seq=1,
        via="forward",
        started_at=1.0,
        request=head,
        request_body=whole(body),
        response=ResponseHead(200, "OK", headers=answer_headers),
        response_body=whole(answer),
        frames=frames,
    )


def _auth(secret: str) -> Exchange:
    return exchange(headers=((b"Authorization", b"Bearer " + secret.encode()),))


def _custom(secret: str) -> Exchange:
    return exchange(headers=((b"X-Upstream-Token", secret.encode()),))


def _cookie(secret: str) -> Exchange:
    return exchange(
        headers=((b"Cookie", f"theme=dark; sid={quote(secret, safe='')}; n=1".encode()),),
        answer_headers=(
            (b"Set-Cookie", f"sid={quote(secret, safe='')}; Path=/; HttpOnly".encode()),
        ),
    )


def _query(secret: str) -> Exchange:
    target = f"/v1/things?page=2&api_key={quote(secret, safe='')}&alt=sse"
    return exchange(RequestHead("GET", "https", "api.example.com", 443, target))


def _json(secret: str) -> Exchange:
    body = {"model": "m", "api_key": secret, "messages": [{"role": "user", "content": "hi"}]}
    return exchange(body=json.dumps(body).encode(), headers=JSON, cut=7)


def _nested(secret: str) -> Exchange:
    inner = json.dumps({"query": "SELECT 1", "api_key": secret})
    call = {"function": {"name": "run", "arguments": json.dumps({"options": inner})}}
    return exchange(body=json.dumps({"tool_calls": [call]}).encode(), headers=JSON)


def _form(secret: str) -> Exchange:
    body = f"grant_type=x&api_key={quote_plus(secret)}&scope=a+b".encode()
    return exchange(
        body=body, headers=((b"content-type", b"application/x-www-form-urlencoded"),), cut=11
    )


def _multipart(secret: str) -> Exchange:
    body = (
        b'--bb\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n'
        + secret.encode()
        + b'\r\n--bb\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n'
        b"--bb--\r\n"
    )
    return exchange(body=body, headers=((b"content-type", b"multipart/form-data; boundary=bb"),))


def _gzip(secret: str) -> Exchange:
    data = gzip.compress(json.dumps({"result": {"api_key": secret}}).encode())
    headers = (
        *JSON,
        (b"content-encoding", b"gzip"),
        (b"content-length", str(len(data)).encode()),
    )
    return exchange(answer=data, answer_headers=headers, cut=13)


def _deltas(secret: str) -> list[dict[str, object]]:
    """Streamed tool arguments, one stream for each of CUTS places where the secret is cut.

    Short secrets are cut at all of theirs, of long ones these are the first, and every so many.
    """
    text = json.dumps({"api_key": secret})
    first = text.index(json.dumps(secret)[1:-1])
    out: list[dict[str, object]] = []
    places = range(first, len(text) - 1)
    for index, cut in enumerate(places[:: -(-len(places) // CUTS)]):
        pieces = (text[:first], text[first:cut], text[cut:])
        out += [{"index": index, "delta": {"partial_json": piece}} for piece in pieces]
    return out


def _sse(secret: str) -> Exchange:
    body = "".join(f"event: delta\ndata: {json.dumps(one)}\n\n" for one in _deltas(secret))
    return exchange(
        answer=body.encode(), answer_headers=((b"content-type", b"text/event-stream"),), cut=61
    )


def _websocket(secret: str) -> Exchange:
    frames = tuple(
        Frame(at, at % 2 == 0, 1, json.dumps(one).encode())
        for at, one in enumerate(both for one in _deltas(secret) for both in (one, one))
    )
    return exchange(frames=frames)


def _error_page(secret: str) -> Exchange:
    page = f"<html><h1>401</h1><p>The key {html.escape(secret)} is not valid.</p></html>"
    return exchange(
        headers=((b"x-api-key", secret.encode()),),
        answer=page.encode(),
        answer_headers=((b"content-type", b"text/html"),),
    )


PLACES: dict[str, Callable[[str], Exchange]] = {
    "auth header": _auth,
    "custom header": _custom,
    "cookie": _cookie,
    "query": _query,
    "json": _json,
    "json in json": _nested,
    "form": _form,
    "multipart": _multipart,
    "gzip": _gzip,
    "sse": _sse,
    "websocket": _websocket,
    "error page": _error_page,
}


def unplaced(name: str, secret: str) -> Exchange:
    """The secret where only its shape gives it away: neutral names, plain text."""
    neutral = {"note": f"see {secret} there", "list": [secret]}
    text = f"data: {secret}\r\n\r\n"
    answers: dict[str, tuple[bytes, bytes]] = {
        "json": (b"application/json", json.dumps(neutral).encode()),
        "json in json": (b"application/json", json.dumps({"a": json.dumps(neutral)}).encode()),
        "text": (b"text/plain", f"trace: {secret}\nmore".encode()),
        "sse": (b"text/event-stream", text.replace(secret, secret.replace("\n", "\\n")).encode()),
        "form": (b"application/x-www-form-urlencoded", f"a={quote_plus(secret)}".encode()),
    }
    media, body = answers[name]
    return exchange(answer=body, answer_headers=((b"content-type", media),))


UNPLACED = ("json", "json in json", "text", "sse", "form")


def everything(done: Exchange) -> Iterator[bytes]:
    """All bytes of an exchange, encoded bodies also decoded, streamed text also joined."""
    yield repr((done.request, done.response, done.own, done.error, done.notes)).encode()
    for _, value in (*done.request.headers, *(done.response.headers if done.response else ())):
        yield value
    for body in (done.request_body.data, done.response_body.data):
        yield body
        if body.startswith(b"\x1f\x8b"):
            yield gzip.decompress(body)
        yield _joined(line[6:] for line in body.split(b"\n") if line.startswith(b"data: {"))
    for side in (True, False):
        yield b"\n".join(frame.data for frame in done.frames if frame.from_client is side)
        yield _joined(frame.data for frame in done.frames if frame.from_client is side)


def _joined(records: Iterator[bytes]) -> bytes:
    texts: dict[int, str] = {}
    for record in records:
        event = json.loads(record)
        if "delta" in event:
            texts[event["index"]] = texts.get(event["index"], "") + event["delta"]["partial_json"]
    return "\n".join(texts.values()).encode()


def _escaped(text: str, depth: int) -> bytes:
    for _ in range(depth):
        text = json.dumps(text)[1:-1]
    return text.encode()


def traces(done: Exchange, secret: str) -> list[str]:
    """The forms in which `secret`, or a long part of it, is still in the exchange."""
    raw = secret.encode()
    forms = {
        "raw": raw,
        **{f"json, {depth} deep": _escaped(secret, depth) for depth in (1, 2, 3)},
        "url": quote(secret, safe="").encode(),
        "form": quote_plus(secret).encode(),
        "base64": base64.b64encode(raw).rstrip(b"="),
        "base64url": base64.urlsafe_b64encode(raw).rstrip(b"="),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "html": html.escape(secret).encode(),
    }
    middle = len(raw) // 2
    forms["half"] = raw[middle : middle + 14]
    forms["first half"] = raw[max(0, middle - 14) : middle]
    haystack = b"\n\n".join(everything(done))
    return [name for name, form in forms.items() if form in haystack]
