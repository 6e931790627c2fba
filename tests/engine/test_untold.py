from proxy.core.model import Run
from proxy.engine.untold import Untold
from proxy.stores._api import AddGap, CloseRun, Gap, OpenRun

FIRST = AddGap(Gap(1.0, 2.0, 3, "full"))
BEGAN = OpenRun(Run("run_a", "", "", 1.0))


def test_calls_of_one_reason_are_one_gap() -> None:
    untold = Untold()
    assert not untold
    untold.add([FIRST, AddGap(Gap(5.0, 5.0, 1, "locked"))])
    untold.add([AddGap(Gap(0.5, 0.5, 1, "full")), CloseRun("run_a", 1.0)])
    assert untold
    told = untold.take()
    assert told == [AddGap(Gap(0.5, 2.0, 4, "full")), AddGap(Gap(5.0, 5.0, 1, "locked"))]
    assert not untold
    untold.add(told)
    assert untold.take() == told


def test_runs_come_first_and_one_that_cannot_be_stored_is_not_tried_for_ever() -> None:
    untold = Untold()
    untold.add([FIRST, BEGAN])
    told = untold.take()
    assert told == [BEGAN, FIRST]
    untold.add(told, runs=False)
    assert untold.take() == [FIRST]
