import os
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


def test_a_fork_has_ids_of_its_own() -> None:
    clock.new_id("x")  # random bytes are at hand now
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, clock.new_id("x")[-16:].encode())
        os._exit(0)
    os.waitpid(pid, 0)
    theirs = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert len(theirs) == 16
    assert clock.new_id("x")[-16:] != theirs
