"""Which calls of a replay go to the world and not to the recording: only what a user has named.

`llm` is every model call but embeddings and reranking (retrieval stays as recorded), `tools:NAME`
the calls of a tool, `host:NAME` everything at a host. NAME is a glob; a tool goes by its step
(`GET crm.acme.test/customers/{id}`), by that without its method, and over MCP by `server/tool` and
`tool` too.
"""

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.core import wire
from proxy.core.model import Exchange, RequestHead
from proxy.errors import ConfigError

_HINT: Final = "It is llm, tools:NAME or host:NAME; NAME may have * in it."
_MCP: Final = "mcp:"
_RETRIEVAL: Final = frozenset(("openai.embeddings", "rerank"))  # models, but no conversation


@dataclass(slots=True, frozen=True)
class Live:
    """What may go live. `everything` is for a fork, which names the call it begins at instead."""

    llm: bool = False
    tools: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or self.llm or bool(self.tools or self.hosts)

    def host(self, host: str) -> bool:
        """Whether a host was allowed by name."""
        return fits([host], self.hosts)

    def takes(self, head: RequestHead, body: bytes, step: str) -> bool:
        """Whether a call goes live, by its request: the decoded body, and the step it belongs to.

        A model call is no tool's call, whatever it is named.
        """
        if self.everything or self.host(head.host):
            return True
        if not (self.llm or self.tools):
            return False
        if is_llm(head, body):
            return self.llm
        return fits(names(step), self.tools)


NOTHING: Final = Live()


def parse(words: Iterable[str], hosts: Iterable[str] = ()) -> Live:
    """What `--live` says, and `hosts` that are allowed anyhow. Raises ConfigError."""
    llm, tools, named = False, [], list(hosts)
    for word in words:
        kind, _, name = word.partition(":")
        if word == "llm":
            llm = True
        elif kind == "tools" and name:
            tools.append(name)
        elif kind == "host" and name:
            named.append(name)
        else:
            raise ConfigError(f"--live {word!r} names nothing that may go live", hint=_HINT)
    return Live(llm, tuple(tools), tuple(named))


def is_llm(head: RequestHead, body: bytes) -> bool:
    """Whether a request is a model's to answer; `body` is given without its Content-Encoding."""
    asked = Exchange("", "", 0, "", 0.0, head)
    call = wire.decode_call(asked, body, b"")
    return call.kind == "llm_call" and call.protocol not in _RETRIEVAL


def names(step: str) -> Iterator[str]:
    """What a tool goes by, given the step of its call."""
    yield step
    if step.startswith(_MCP):
        tool = step.removeprefix(_MCP)
        yield tool
        yield tool.rpartition("/")[2]
    elif " " in step:
        yield step.partition(" ")[2]


def fits(given: Iterable[str], globs: Iterable[str]) -> bool:
    """Whether one of the names is like one of the globs, in whatever case."""
    patterns = [glob.lower().replace("[", "[[]") for glob in globs]  # `[` is no set of characters
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for name in given for pattern in patterns)
