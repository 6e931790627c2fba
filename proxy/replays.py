"""The composition root of replays: recordings of the store or of files, opened and set up.

Apart from `runtime`, because what only records can do without all that this loads.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.core import wire
from proxy.core.matching import IgnoreRule
from proxy.core.matching.rules import read as read_rule
from proxy.core.model import Exchange, RequestHead
from proxy.core.recording import ignore_rules
from proxy.core.replay import Fixtures
from proxy.core.replay.asks import Asks
from proxy.core.replay.given import Given, of_environment
from proxy.core.wire.mcp import FROM_SERVER, STDIO
from proxy.engine.replayer import Mode, Replayer
from proxy.errors import ConfigError, DashcamError
from proxy.runtime import Runtime, redactor_of, vault_of

if TYPE_CHECKING:
    from proxy.stores.vault import Vault


def replayer(runtime: Runtime, recordings: Sequence[str], mode: Mode) -> Replayer:
    """A replayer over recordings, each a run or a file; set on the engine, which then answers.

    Raises RecordingNotFound, RecordingFormatError.
    """
    made = Replayer(runtime.engine.router, mode, load=lambda ref: fixtures(runtime, ref))
    made.given = _given(runtime) if mode.live else None
    for ref in recordings:
        made.recordings[ref] = fixtures(runtime, ref)
    runtime.engine.replays = made
    return made


def _given(runtime: Runtime) -> Given:
    """Gives an agent that goes live its secrets back: those of the environment, and the vault's."""
    vault = vault_of(runtime.settings)
    known = of_environment(
        runtime.store.secret(), lambda: [os.fsencode(value) for value in os.environ.values()]
    )
    return Given(lambda name: known(name) or (_revealed(vault, name) if vault else None))


def _revealed(vault: "Vault", name: bytes) -> bytes | None:
    try:
        return vault.reveal(name.decode())
    except DashcamError:  # the live call that needs it says so, by failing
        return None


def replay_on_request(runtime: Runtime, mode: Mode, *, possible: bool = True) -> None:
    """Answers requests that name a recording (`Dashcam-Replay`) from it; records the others.

    Where that is not possible those requests are refused.
    """
    load = partial(fixtures, runtime) if possible else None
    runtime.engine.replays = Replayer(runtime.engine.router, mode, load=load)


def fixtures(runtime: Runtime, ref: str) -> Fixtures:
    """The fixtures of a run in the store, or of a recording's file."""
    if ref.endswith(".jsonl") or Path(ref).is_file():
        from proxy.importers import load as load_recording  # noqa: PLC0415 - slow to import
        from proxy.importers.recording_file import opened  # noqa: PLC0415 - likewise

        if (file := opened(Path(ref))) is not None:
            return _index(runtime, file.exchanges(), ignore_rules(file.run), file.exchange)
        snapshots = load_recording(Path(ref))
        if len(snapshots) != 1:
            raise ConfigError(f"{ref} holds {len(snapshots)} runs; a replay is of one")
        return _index(runtime, snapshots[0].exchanges, ignore_rules(snapshots[0].run))
    run = runtime.store.find_run(ref)
    exchanges = runtime.store.exchanges(run.id)
    return _index(runtime, exchanges, ignore_rules(run), runtime.store.exchange)


def _index(
    runtime: Runtime,
    exchanges: Iterable[Exchange],
    rules: Iterable[IgnoreRule],
    load: Callable[[str], Exchange] | None = None,
) -> Fixtures:
    asks = Asks()
    made = Fixtures.of(
        _of_clients(exchanges, asks),
        steps=step_of,
        ignore_rules=[*rules, *map(read_rule, runtime.settings.ignore_rules)],
        redact=redactor_of(runtime.settings, runtime.store).request,  # it serves one thread
        load=load,
    )
    made.asks = asks.found()
    return made


def _of_clients(exchanges: Iterable[Exchange], asks: Asks) -> Iterator[Exchange]:
    for one in exchanges:
        asks.add(one)
        if not _by_server(one):
            yield one


def _by_server(exchange: Exchange) -> bool:
    """Whether a stdio server began it: no request of a client asks for it."""
    return exchange.request.scheme == STDIO and exchange.request.target == FROM_SERVER


def step_of(head: RequestHead, body: bytes) -> str:
    """The step that a request's wire format derives."""
    return wire.recognise(head, body).step(head, body)
