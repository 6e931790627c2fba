import re
import time

from proxy.engine import clock


def test_ids_are_prefixed_ulids_and_differ() -> None:
    first = clock.new_id("run")
    ids = [clock.new_id("run") for _ in range(1000)]
    assert re.fullmatch(r"run_[0-9A-HJKMNP-TV-Z]{26}", first)
    assert len({first, *ids}) == 1001


def test_an_id_carries_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    digits = clock.new_id("x")[2:12]
    after = time.time_ns() // 1_000_000
    value = 0
    for digit in digits:
        value = value * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(digit)
    assert before <= value <= after


def test_ticks_go_forward_in_microseconds() -> None:
    start, wall = clock.ticks(), clock.wall()
    assert clock.ticks() >= start
    assert abs(wall - time.time()) < 60
