from addons.hooks import WaitHook


async def _nothing() -> None: ...


def test_a_layer_that_waits_is_held_and_only_it() -> None:
    hook = WaitHook(_nothing)
    assert hook.blocking is True
    assert hook.name == "wait"
    assert hook.args() == [_nothing]
