import contextvars

import pytest
from dashcam import scopes


def entered() -> tuple[str, ...]:
    scope = scopes.current()
    return () if scope is None else scope.groups


def test_leaving_goes_back_to_where_one_was() -> None:
    outer, inner = object(), object()
    scopes.enter_block(outer, ("plan",), None)
    scopes.enter_block(inner, ("retrieve",), "search")
    assert entered() == ("plan", "retrieve")
    scopes.leave(inner)
    assert entered() == ("plan",)
    scopes.leave(outer)
    assert scopes.current() is None


def test_leaving_out_of_order_leaves_what_is_inside_as_well() -> None:
    outer, inner = object(), object()
    scopes.enter_block(outer, ("plan",), None)
    scopes.enter_block(inner, ("retrieve",), None)
    scopes.leave(outer)
    assert scopes.current() is None
    scopes.leave(inner)
    assert scopes.current() is None


def test_leaving_in_another_context_changes_nothing_there() -> None:
    owner = object()
    contextvars.copy_context().run(scopes.enter_block, owner, ("plan",), None)
    scopes.leave(owner)
    assert scopes.current() is None


def test_one_owner_may_be_inside_itself() -> None:
    owner = object()
    scopes.enter_block(owner, ("again",), None)
    scopes.enter_block(owner, ("again",), None)
    scopes.leave(owner)
    assert entered() == ("again",)
    scopes.leave(owner)
    assert scopes.current() is None


def test_a_run_begins_anew() -> None:
    block, run = object(), object()
    scopes.enter_block(block, ("plan",), "s")
    scopes.enter_run(run, "r", (("Dashcam-Run", "r"),))
    scope = scopes.current()
    assert scope is not None
    assert (scope.groups, scope.step, scopes.current_run()) == ((), None, "r")
    scopes.leave(run)
    scopes.leave(block)


def test_blocks_outside_of_a_run_belong_to_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASHCAM_RUN", "process")
    block = object()
    scopes.enter_block(block, ("plan",), None)
    assert scopes.current_fields() == (("Dashcam-Run", "process"), ("Dashcam-Group", "plan"))
    assert scopes.current_run() == "process"
    scopes.leave(block)
    assert scopes.current_fields() == ()
