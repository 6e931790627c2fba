"""The user's own rules, on top of the built-in ones."""

import re
from dataclasses import dataclass, field

from proxy.core.redaction import jsonpath, pii
from proxy.errors import ConfigError

_KIND = re.compile(r"[a-z0-9]{1,16}")


@dataclass(slots=True, frozen=True)
class Pattern:
    """A regular expression whose matches are secrets; with a group `secret`, only that group.

    It sees bytes as they are on the wire, JSON escapes included, and streamed text reassembled.
    `kind` is the word in the pseudonym: at most 16 lower-case letters and digits.

    Raises:
        ConfigError: `kind` is no such word, or the expression does not compile.
    """

    kind: str
    regex: str
    compiled: re.Pattern[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise ConfigError(
                f"redaction pattern name {self.kind!r} cannot be used",
                hint="at most 16 lower-case letters and digits",
            )
        try:
            compiled = re.compile(self.regex.encode())
        except re.error as err:
            raise ConfigError(f"redaction pattern {self.kind!r}: {err}") from err
        if compiled.match(b""):
            raise ConfigError(f"redaction pattern {self.kind!r} matches the empty text")
        object.__setattr__(self, "compiled", compiled)


@dataclass(slots=True, frozen=True)
class Rules:
    """What is removed besides the built-in rules.

    `headers` are names whose values go; `json_paths` (`$.user.ssn`, `$.messages[*].name`,
    `$..iban`) everything at those places of JSON bodies; `allow_headers`, where it is set, names
    the only headers whose values stay; `pii` is any of `mail phone iban card`, or `all`.

    Raises:
        ConfigError: A path or a PII word is unknown.
    """

    patterns: tuple[Pattern, ...] = ()
    headers: tuple[str, ...] = ()
    json_paths: tuple[str, ...] = ()
    allow_headers: frozenset[str] | None = None
    pii: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for path in self.json_paths:
            jsonpath.compile_path(path)
        if unknown := set(self.pii) - {*pii.DETECTORS, pii.ALL}:
            raise ConfigError(
                f"unknown kind of personal data {min(unknown)!r}",
                hint=f"one of {', '.join((*pii.DETECTORS, pii.ALL))}",
            )
