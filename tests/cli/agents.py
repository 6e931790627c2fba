"""An agent for tests: a program that makes the calls it is told to, one after the other.

`chat:MODEL:TEXT` asks a model, with a system prompt; `get:TARGET` a tool, `quiet:TARGET` one whose
answer it does not look at. It prints the answers and ends with 0, unless `exit:N` says otherwise;
`print:TEXT` only prints.
"""

import sys
from typing import NamedTuple

_PROGRAM = """
import json, sys, urllib.error, urllib.request

def ask(target, body=None):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(sys.argv[1] + target, body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read().decode()[:80]}"

for word in sys.argv[2:]:
    kind, _, rest = word.partition(":")
    if kind == "chat":
        model, _, text = rest.partition(":")
        messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]
        body = json.dumps({"model": model, "messages": messages}).encode()
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
