"""`run`, `group` and `step`: what the calls made inside them belong to."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

from . import headers, patches, reports, scopes, settings

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on


def run(label: str, id: str | None = None, **meta: Any) -> Run:  # noqa: A002 - its name in the API
    """One attempt of the agent: `with dashcam.run("refund", user_plan="pro") as this: ...`.

    In a process started by `dashcam run` the first outermost run is the process's own, which so
    gets its label; later and inner ones are runs of their own, children of the one around them.

    Args:
        label: What kind of run this is; runs are compared and counted by it.
        id: An id of your own; made up when left out.
        meta: What else to keep with the run, anything that JSON can hold.
    """
    return Run(label, id, meta)


def group(name: str) -> Block:
    """A phase of a run; phases within phases form a path, `plan/retrieve`."""
    return Block((name,), None)


def step(name: str) -> Block:
    """A named step: the name by which a replay finds the calls made in it."""
    return Block((), name)


class Block:
    """A phase or a step, to be entered with `with` or `async with`, as often as one likes."""

    def __init__(self, groups: tuple[str, ...], step: str | None) -> None:
        self._groups = groups
        self._step = step

    def __enter__(self) -> Self:
        """Enter; calls made from now on belong here."""
        patches.install(scopes.current_fields)
        scopes.enter_block(self, self._groups, self._step)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        scopes.leave(self)

    async def __aenter__(self) -> Self:
        """Enter, as with `with`."""
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        """Leave, as with `with`."""
        self.__exit__()


class Run:
    """One attempt of the agent, to be entered with `with` or `async with`; see `run`."""

    id: str
    label: str
    parent: str | None
    meta: dict[str, Any]

    def __init__(self, label: str, run_id: str | None, meta: dict[str, Any]) -> None:
        scope = scopes.current()
        outer = scope.run_id if scope is not None else None
        process = settings.environment_run()
        adopted = run_id is None and outer is None and process is not None and _adopt()
        self.label = label
        self.meta = meta
        self.id = process if adopted and process else run_id or uuid.uuid4().hex
        parent = outer or process
        self.parent = None if parent == self.id else parent
        self._closes = not adopted  # `dashcam run` ends the run of the process
        self._opened = False

    def outcome(
        self,
        status: reports.Verdict,
        reason: str | None = None,
        retryable: bool | None = None,
        user_impact: str | None = None,
    ) -> None:
        """Say how this run ended; arguments as for `dashcam.outcome`."""
        reports.outcome(status, reason, retryable, user_impact, run=self)

    def __enter__(self) -> Self:
        """Enter; calls made from now on belong to this run."""
        patches.install(scopes.current_fields)
        scopes.enter_run(self, self.id, self._fields())
        if not self._opened:
            self._opened = True
            reports.open_run(self.id, self.label, self.meta, self.parent)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave and close the run, unless it is that of the whole process."""
        scopes.leave(self)
        if self._closes:
            reports.close_run(self.id)

    async def __aenter__(self) -> Self:
        """Enter, as with `with`."""
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        """Leave, as with `with`."""
        self.__exit__()

    def _fields(self) -> scopes.Fields:
        told = headers.fields(
            [
                (headers.RUN, self.id),
                (headers.LABEL, self.label),
                (headers.PARENT, self.parent),
            ]
        )
        meta = headers.encoded_meta(self.meta)
        return told if meta is None else (*told, (headers.META, meta))


class _Adoption:
    """The run of the process is taken over once."""

    lock = threading.Lock()
    done = False


def _adopt() -> bool:
    with _Adoption.lock:
        first = not _Adoption.done
        _Adoption.done = True
    return first
