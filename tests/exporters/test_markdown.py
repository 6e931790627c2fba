from proxy.core.model import Run, Snapshot
from proxy.exporters import markdown
from tests.core.recorded import exchange
from tests.exporters.sample import EVIL, snapshot


def report(run: Snapshot) -> str:
    return b"".join(markdown.export(run)).decode()


def test_recorded_text_cannot_break_out() -> None:
    text = report(snapshot())
    outside = "".join(text.split("````json")[0::2])
    assert "<img" not in outside.replace("\\<", "")
    assert "\n# not a title" not in text.replace(EVIL, "")
    assert text.count("\n# ") == 0  # the one title is the first line


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    text = report(Snapshot(Run("r1", "L", "c", 1.0), [exchange(1, b"a\n````\nb", b"")]))
    assert "`````text\na\n````\nb\n`````\n" in text


def test_long_bodies_are_cut_and_say_so() -> None:
    text = report(Snapshot(Run("r1", "L", "c", 1.0), [exchange(1, b"x" * 5000, b"")]))
    assert "x" * 4000 + "\n… 1000 more characters\n" in text
    assert "x" * 4001 not in text
