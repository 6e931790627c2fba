"""The story as a user sees it, and that it can fail."""

import subprocess
import sys

import pytest

from proxy.demo import story
from proxy.demo.story import STEPS, Step
from proxy.errors import ConfigError

TIMEOUT = 180


def test_the_story_is_told_to_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proxy.demo"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for number, step in enumerate(STEPS, 1):
        assert f"{number}. {step.title}" in done.stdout
    assert done.stderr == ""
    assert "Everything happened as told." in done.stdout


WRONG = [
    (Step("Code", "", ("runs",), code=3), "it ended with 0 and not with 3"),
    (Step("Text", "", ("runs",), shows=("no such text",)), "it did not show 'no such text'"),
    (Step("Same", "", ("--version",), same="Before"), "it did not print what 'Before' printed"),
]


@pytest.mark.parametrize(("step", "says"), WRONG, ids=[step.title for step, _ in WRONG])
def test_a_step_that_does_something_else_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: Step, says: str
) -> None:
    before = Step("Before", "", ("runs",))
    monkeypatch.setattr(story, "STEPS", (before, step))
    assert story.main() == 1
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith(f"✗ {says}")
    assert "Everything happened as told." not in printed


def test_without_the_openai_package_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="needs the openai package") as caught:
        story.main()
    assert caught.value.hint is not None
    assert "pip install openai" in caught.value.hint


def test_output_is_trimmed_to_a_page() -> None:
    long = "\n".join(["x" * 200, *map(str, range(30))])
    lines = story._trimmed(long)
    assert len(lines) == story._LINES + 1
    assert lines[0].endswith("…")
    assert len(lines[0]) == story._WIDTH + len("  │ ")
    assert lines[-1] == "  │ … 11 more lines"
