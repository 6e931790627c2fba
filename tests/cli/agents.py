"""An agent for tests: a program that makes the calls it is told to, one after the other.

`chat:MODEL:TEXT` asks a model, with a system prompt; `get:TARGET` a tool, `quiet:TARGET` one whose
answer it does not look at. It prints the answers and ends with 0, unless `exit:N` says otherwise;
`print:TEXT` only prints. It speaks HTTP itself: to import a library takes longer than all it does.
"""

import sys
from typing import NamedTuple

_PROGRAM = """
import binascii, os, socket, sys

def ask(target, body=""):
    host = sys.argv[1].removeprefix("http://")
    proxy = os.environ.get("http_proxy", "").removeprefix("http://")
    user, _, where = proxy.rpartition("@")
    if host.partition(":")[0] in os.environ.get("no_proxy", "").split(","):
        where = ""
    method, url = "POST" if body else "GET", sys.argv[1] + target if where else target
    head = [f"{method} {url} HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity"]
    head += ["User-Agent: agent", "Content-Type: application/json", "Connection: close"]
    if where:
        name = binascii.b2a_base64(user.encode(), newline=False).decode()
        head.append(" ".join(["Proxy-Authorization:", "Basic", name]))
    if body:
        head.append(f"Content-Length: {len(body)}")
    name, _, port = (where or host).rpartition(":")
    with socket.create_connection((name, int(port))) as line, line.makefile("rb") as answer:
        line.sendall("\\r\\n".join([*head, "", body]).encode())
        head, _, rest = answer.read().partition(b"\\r\\n\\r\\n")
    if b"transfer-encoding: chunked" in head.lower():
        chunks, rest = rest, b""
        while chunks:
            size, _, chunks = chunks.partition(b"\\r\\n")
            rest += chunks[:int(size, 16)]
            chunks = chunks[int(size, 16) + 2:]
    code, text = int(head.split()[1]), rest.decode()
    return text if code < 400 else f"{code} {text[:80]}"

SYSTEM = '{"role": "system", "content": "Be kind."}'
for word in sys.argv[2:]:
    kind, _, rest = word.partition(":")
    if kind == "chat":
        model, _, text = rest.partition(":")
        user = f'{{"role": "user", "content": "{text}"}}'
        body = f'{{"model": "{model}", "messages": [{SYSTEM}, {user}]}}'
        print(ask("/v1/chat/completions", body))
    elif kind == "get":
        print(ask(rest))
    elif kind == "quiet":
        ask(rest)
    elif kind == "print":
        print(rest)
    else:
        sys.exit(int(rest))
"""


class Agent(NamedTuple):
    """Its calls go to `base`."""

    base: str

    def __call__(self, *words: str) -> tuple[str, ...]:
        """The command that does this."""
        return (sys.executable, "-c", _PROGRAM, self.base, *words)
