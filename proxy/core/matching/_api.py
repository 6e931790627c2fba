"""The contract of a matcher: does a live request correspond to a recorded one?

A matcher reduces a request to a key; two requests match when the `id` of their keys is equal. Keys
are made from redacted requests on both sides. `MATCHERS` maps the names that users may choose to
functions.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy.core.model import RequestHead


@dataclass(slots=True, frozen=True)
class IgnoreRule:
    """A part of a request that does not count. `target` is json | header | query | regex.

    `pattern` is a JSON path (`$.metadata.user_id`, `$.messages[*].id`), a name, or a regular
    expression; `step` limits the rule to steps that match this glob.
    """

    target: str
    pattern: str
    step: str = "*"


@dataclass(slots=True, frozen=True)
class MatchRequest:
    """What a matcher sees: the step, the head, the decoded body, and the rules."""

    step: str
    head: RequestHead
    body: bytes
    ignore: tuple[IgnoreRule, ...] = field(default=())


class Volatile(NamedTuple):
    """A value that was left out of a key: what it is, its text, and whether it is a whole value.

    `firm` values are specific enough to tell whether an earlier answer contained them.
    """

    kind: str  # uuid | date | time | unix | call | path | name | token | secret | credential
    text: str
    firm: bool


class Key(NamedTuple):
    """What a matcher makes of a request; `left_out` are the volatile values, in order."""

    id: Hashable
    left_out: tuple[Volatile, ...] = ()


type Matcher = Callable[[MatchRequest], Key]
