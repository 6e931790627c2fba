import itertools
import random

import pytest

from proxy.core.matching._api import Volatile
from proxy.core.matching.temp import conflict, replace

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"  # what Python's mkdtemp draws from


def names(path: str) -> list[Volatile]:
    """What is left out of a path."""
    left: list[Volatile] = []

    def found(kind: str, text: str) -> str:
        left.append(Volatile(kind, text, firm=False))
        return ""

    replace(path, found)
    return left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/tmp", "<tmp>"),
        ("/tmp/", "<tmp>/"),
        ("/tmp/a.txt", "<tmp>/a.txt"),
        ("open /tmp/tmpab12cd_3/a.txt, then", "open <tmp>/*/a.txt, then"),
        ("/tmp/tmp.Xa8Kq2LmNo", "<tmp>/*"),
        ("/private/tmp/x", "<tmp>/x"),
        ("/var/tmp/build-9fK2xQ7a/out.log", "<tmp>/build-<name>/out.log"),
        ("/tmp/report-x8Kq2L.pdf", "<tmp>/report-<name>.pdf"),
        ("/tmp/claude-XyZabC", "<tmp>/claude-<name>"),
        ("/tmp/agent-qwxkzvbn/a", "<tmp>/agent-<name>/a"),
        ("/tmp/my_agent_x7_k2m9q", "<tmp>/my_agent_<name>"),
        ("/tmp/run-_bcdefg_/a", "<tmp>/run-<name>/a"),
        ("/tmp/agentx7k2m9qa", "<tmp>/*"),
        ("/tmp/order-1042.csv", "<tmp>/order-1042.csv"),
        ("/tmp/invoice2024/page12", "<tmp>/invoice2024/page12"),
        ("/tmp/OrderReport/CamelCase", "<tmp>/OrderReport/CamelCase"),
        ("/tmp/pytest-of-me/pytest-12/t0", "<tmp>/pytest-of-me/*/t0"),
        ("/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/tmpab12cd34/x", "<tmp>/*/x"),
        (r"C:\Users\eva\AppData\Local\Temp\tmpab12cd34\a.txt", "<tmp>/*/a.txt"),
        (r"C:\\Users\\eva\\AppData\\Local\\Temp\\a.txt", "<tmp>/a.txt"),
        ("c:/Windows/Temp/a.txt", "<tmp>/a.txt"),
        ("/tmpfiles/a", "/tmpfiles/a"),
        ("/tmp.old/a", "/tmp.old/a"),
        ("/srv/tmp/x9K2lQ8a", "/srv/tmp/x9K2lQ8a"),
        ("./tmp/x9K2lQ8a", "./tmp/x9K2lQ8a"),
        (r"C:\Templates\a", r"C:\Templates\a"),
        ("the temperature is 20/30", "the temperature is 20/30"),
    ],
)
def test_paths(text: str, expected: str) -> None:
    assert replace(text, lambda kind, _: f"<{kind}>") == expected


def test_what_was_found_is_told() -> None:
    seen: list[tuple[str, str]] = []

    def found(kind: str, path: str) -> str:
        seen.append((kind, path))
        return ""

    replace("/tmp/a and /tmp/b", found)
    assert seen == [("path", "/tmp/a"), ("path", "/tmp/b")]


@pytest.mark.parametrize(
    ("recorded", "live", "same"),
    [
        ("/tmp/run-x7k2m9qa", "/tmp/run-bcdfghjk", True),
        ("/tmp/run-invoices", "/tmp/run-invoices", True),
        ("/tmp/run-invoices", "/tmp/run-x7k2m9qa", True),  # drawn, and like a word by chance
        ("/tmp/run-invoices", "/tmp/run-customer", False),
        ("/tmp/run-orders/a.csv", "/tmp/run-refund/a.csv", False),
        ("/tmp/report_final_v2.pdf", "/tmp/report_final_v3.pdf", False),
        ("/tmp/job-20260101.csv", "/tmp/job-20260102.csv", False),
        ("/tmp/run-orders", "/tmp/run-x7k2m9qa", False),  # of other lengths
    ],
)
def test_what_may_have_been_written_is_compared(recorded: str, live: str, *, same: bool) -> None:
    assert (conflict(names(recorded), names(live)) is None) == same


def test_drawn_names_are_hardly_ever_taken_for_words() -> None:
    rng = random.Random(1)  # noqa: S311 - sample data
    drawn = [f"/tmp/agent-{''.join(rng.choices(LETTERS, k=8))}/notes.md" for _ in range(2001)]
    assert {replace(path, lambda kind, _: f"<{kind}>") for path in drawn} == {
        "<tmp>/agent-<name>/notes.md"
    }
    found = [names(path) for path in drawn]
    apart = [old for old, new in itertools.pairwise(found) if conflict(old, new)]
    assert len(apart) < 10
