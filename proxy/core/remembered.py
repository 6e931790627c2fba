"""What is remembered of the runs of clients that name none, and what it says about a new call."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from proxy.core import tool_match
from proxy.core.calls import Call, ToolUse

MOST_USES = 64  # tool uses of a run, the latest
_MOSTPHRASES = 128
PHRASE = (24, 200)  # letters: shorter ones are said by everybody
_TEXT = 65_536
_WAITING = 120.0  # seconds for which a run counts as going on while a tool is at work
_CROWD = 64  # questions
_OPEN_FOR = 600.0  # seconds after which nobody answers a tool use any more


@dataclass(slots=True, frozen=True)
class Seen:
    """A call that is over, as it came: the run it would be in, and whether that is a guess.

    `at` and `ended` are Unix seconds; `connection` tells the client's connections apart; `process`
    is whether the client is known to be one process.
    """

    exchange: str
    run: str
    guessed: bool
    at: float
    ended: float
    ok: bool
    connection: str = ""
    process: bool = False


class AskedBy(NamedTuple):
    """The turn of a model that asked for a tool call."""

    exchange: str
    tool: str
    id: str | None


@dataclass(slots=True, eq=False)
class KnownRun:
    """What is remembered of a run."""

    id: str
    began: float
    ended: float
    connection: str = ""
    apart: str | None = None  # what tells its agent from others of the same client
    waiting: dict[bytes, float] = field(default_factory=dict)  # histories for tools, since when
    uses: list["OpenUse"] = field(default_factory=list)
    openers: list[str] = field(default_factory=list)  # what its histories began with
    phrases: dict[str, None] = field(default_factory=dict)  # what its model said
    keys: set[tuple[str, bytes]] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class OpenUse:
    """A tool use that a call may answer."""

    use: ToolUse
    by: AskedBy
    at: float
    taken: int = 0


@dataclass(slots=True, eq=False)
class Node:
    """A history that a later call may continue."""

    run: KnownRun
    connection: str
    mark: bytes  # of the history with the answer
    ids: frozenset[str]  # of the tool uses in its answer
    ok: bool
    ended: float
    continued: bool = False


@dataclass(slots=True)
class Lane:
    """The runs of a client that names none."""

    runs: OrderedDict[str, KnownRun] = field(default_factory=OrderedDict)  # the latest at the end
    shared: bool = False
    alone: int = 0  # histories without tools that got a run of their own since one was continued

    @property
    def crowded(self) -> bool:
        """Whether its calls are so many questions that nobody goes on with: of no agents."""
        return self.alone >= _CROWD


class Match(NamedTuple):
    """A tool use, and how well a call fits it."""

    fit: tool_match.Fit
    run: KnownRun
    use: OpenUse


def best_use(
    runs: Iterable[KnownRun], seen: Seen, request: Callable[[], tool_match.Asked]
) -> Match | None:
    """The tool use that fits best; of equals one that nobody answered yet, on its connection."""
    open_ = [(run, use) for run in runs for use in run.uses if seen.at - use.at < _OPEN_FOR]
    if not open_:
        return None
    wanted = request()
    found = [Match(tool_match.fit(use.use, wanted), run, use) for run, use in open_]
    return max(
        found,
        key=lambda one: (
            one.fit.score,
            -one.use.taken,
            bool(seen.connection) and one.run.connection == seen.connection,
            -one.use.at,
        ),
    )


def busy(run: KnownRun, seen: Seen) -> bool:
    """Whether a run was going on while this call was made."""
    return (run.began < seen.ended and seen.at < run.ended) or waits(run, seen)


def waits(run: KnownRun, seen: Seen) -> bool:
    """Whether a model of the run had asked for a tool whose result it had not been told."""
    if not run.waiting:
        return False
    return any(since <= seen.at < since + _WAITING for since in run.waiting.values())


def related(run: KnownRun, text: str) -> bool:
    """Whether what an agent begins with has something of a run, and is not just the same.

    It was told what the model of another call said (a sub-agent, a reviewer), or the question as
    a whole stands in both (its title, its class, its answer).
    """
    for phrase in run.phrases:
        if phrase in text:
            return True
    size = len(text)
    for one in run.openers:
        least, most = (one, text) if len(one) < size else (text, one)
        if len(least) >= PHRASE[0] and least in most and text != one:
            return True
    return False


def asked_first(call: Call) -> str:
    """What the user says, in a request without an answer in it yet."""
    return "\n".join(m.text for m in call.messages if m.role == "user").strip()[:_TEXT]


def own_uses(call: Call) -> list[ToolUse]:
    """The tools that the model asks the agent for; not those that the provider runs itself."""
    if call.reply is None:
        return []
    hosted = {result.id for result in call.reply.tool_results if result.id}
    return [use for use in call.reply.tool_uses if not (use.id and use.id in hosted)]


def take_down(run: KnownRun, call: Call, seen: Seen) -> None:
    """Takes down what the model said: the tools that it asks for, and its words."""
    if call.reply is None:
        return
    uses = own_uses(call)
    by = [AskedBy(seen.exchange, use.name, use.id) for use in uses]
    run.uses += [OpenUse(use, one, seen.at) for use, one in zip(uses, by, strict=True)]
    del run.uses[:-MOST_USES]
    prompt = "\n".join(message.text for message in call.messages)[:_TEXT]
    for phrase in _phrases(call):
        if phrase not in prompt:  # its own words, not the user's
            run.phrases[phrase] = None
    for old in list(islice(run.phrases, max(0, len(run.phrases) - _MOSTPHRASES))):
        del run.phrases[old]


def _phrases(call: Call) -> Iterable[str]:
    least, most = PHRASE
    reply = call.reply
    assert reply is not None  # noqa: S101 - asked before
    given = [v for use in reply.tool_uses for v in _texts(use.arguments)]
    for text in (*reply.text.splitlines(), *(line for v in given for line in v.splitlines())):
        phrase = text.strip()[:most]
        if len(phrase) >= least:
            yield phrase


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            if isinstance(one, str):
                yield one
