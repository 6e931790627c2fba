"""Where one is: in which run, phase and step.

It is kept in a context variable, so that threads and tasks do not see each other's. A new task
starts with its parent's; a new thread starts with none, unless it is given a copy of the context
(`contextvars.copy_context().run`, which is what `asyncio.to_thread` does).
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from . import headers, settings

Fields = tuple[tuple[str, str], ...]


class Scope(NamedTuple):
    """Where one is: inside `owner`, which was entered in `outer`. Immutable, so tasks may share it.

    `run_id` is None outside of every `run()`. `fields` are the headers of a call made here,
    `run_fields` those of them that tell of the run.
    """

    owner: object
    outer: Scope | None
    run_id: str | None
    run_fields: Fields
    groups: tuple[str, ...]
    step: str | None
    fields: Fields


_scope: ContextVar[Scope | None] = ContextVar("dashcam_scope", default=None)


def current() -> Scope | None:
    """Where one is."""
    return _scope.get()


def current_fields() -> Fields:
    """The headers for a call made here and now; none where no Dashcam is in the way."""
    scope = _scope.get()
    if scope is None or not settings.in_the_way():
        return ()
    return scope.fields


def current_run() -> str | None:
    """The id of the run one is in: of the innermost `run()`, else of the process."""
    scope = _scope.get()
    if scope is not None and scope.run_id is not None:
        return scope.run_id
    return settings.environment_run()


def enter_run(owner: object, run_id: str, run_fields: Fields) -> None:
    """Enter a run: phases and steps begin anew."""
    _scope.set(Scope(owner, _scope.get(), run_id, run_fields, (), None, run_fields))


def enter_block(owner: object, groups: tuple[str, ...], step: str | None) -> None:
    """Enter phases or a step of the run one is in."""
    outer = _scope.get()
    if outer is None:
        run_id, run_fields = None, headers.fields([(headers.RUN, settings.environment_run())])
    else:
        run_id, run_fields = outer.run_id, outer.run_fields
        groups, step = outer.groups + groups, step or outer.step
    own = headers.fields([(headers.GROUP, "/".join(groups)), (headers.STEP, step)])
    _scope.set(Scope(owner, outer, run_id, run_fields, groups, step, run_fields + own))


def leave(owner: object) -> None:
    """Go back to where `owner` was entered.

    A generator may be closed in another context than it was started in; what stands there is none
    of its business.
    """
    scope = _scope.get()
    while scope is not None and scope.owner is not owner:
        scope = scope.outer
    if scope is not None:
        _scope.set(scope.outer)
