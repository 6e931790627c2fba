from proxy.engine.histogram import BOUNDS, Histogram


def test_each_bucket_has_what_does_not_exceed_its_bound() -> None:
    waits = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 0.3, 99.0):
        waits.add(seconds)
    found = dict(waits.cumulative())
    assert len(found) == len(BOUNDS) + 1
    assert (found["0.001"], found["0.0025"], found["0.5"], found["5.0"]) == (2, 3, 4, 4)
    assert found["+Inf"] == waits.count == 5
    assert waits.total == 0.0 + 0.001 + 0.0011 + 0.3 + 99.0
