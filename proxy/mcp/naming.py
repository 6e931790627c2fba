"""What an MCP server is called that nobody named: after its command."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

# Programs that start another one, which is the server.
_LAUNCHERS = re.compile(
    r"(?:npx|npm|pnpm|pnpx|yarn|bunx?|node|deno|tsx|uvx?|pipx?|python[\d.]*|pypy[\d.]*|ruby|java|"
    r"dotnet|docker|podman|env|sh|bash|cmd|poetry|hatch|conda|mise)(?:\.exe|\.cmd)?"
)
_VERBS = frozenset(("run", "exec", "tool", "dlx", "x", "start", "-m"))
# Options whose value is the next word.
_VALUED = frozenset(
    (
        *("-e", "-v", "-p", "-w", "--env", "--env-file", "--volume", "--mount", "--name"),
        *("--network", "--from", "--with", "--python", "--directory", "--project", "--package"),
        *("--user", "--workdir", "--publish", "--prefix", "--extra", "--group"),
    )
)
_ENDING = re.compile(r"\.(?:py|pyz|js|mjs|cjs|ts|jar|dll|exe|cmd|sh|rb)$")
_VERSION = re.compile(r"(?<=.)(?:@|==|:)[^/@]*$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 64


def server_name(command: Sequence[str]) -> str:
    """A name for the server that `command` starts, of characters that can stand in a URL."""
    words = list(_words(command))
    word = next((word for word in words if not _is_launcher(word)), words[-1] if words else "")
    return clean(_ENDING.sub("", PurePath(_VERSION.sub("", word)).name))


def clean(name: str) -> str:
    """`name` with only such characters as can stand in a URL's host."""
    return _UNSAFE.sub("-", name)[:_LONGEST].strip("-.") or "server"


def _is_launcher(word: str) -> bool:
    return _LAUNCHERS.fullmatch(PurePath(word).name) is not None


def _words(command: Sequence[str]) -> Iterator[str]:
    """The words that may be the server: no options, no values of options, no verbs."""
    skip = False
    for word in command:
        if skip or word in _VERBS or "=" in word.partition("/")[0]:
            skip = False
        elif word.startswith("-"):
            skip = word in _VALUED
        else:
            yield word
