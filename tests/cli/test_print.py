import io
import sys
from collections.abc import Callable
from typing import override

import pytest

from proxy.cli._print import Column, put, put_json, put_json_line, table


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


type Shown = Callable[[Callable[[], None]], str]


@pytest.fixture
def on_screen(monkeypatch: pytest.MonkeyPatch) -> Shown:
    def shown(act: Callable[[], None]) -> str:
        made = Terminal()
        with monkeypatch.context() as patch:  # pytest's own stdout is put in between
            patch.setattr(sys, "stdout", made)
            act()
        return made.getvalue()

    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    return shown


LINE = [("[bold]a[/]\x1b[2J", "red"), (" b   ", "")]


def test_a_pipe_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    put([LINE, [("x" * 500, "bold")]], fit=True)
    assert capsys.readouterr().out == "[bold]a[/]\\x1b[2J b\n" + "x" * 500 + "\n"


def test_a_terminal_gets_colour_but_no_markup_or_escapes_from_data(on_screen: Shown) -> None:
    assert on_screen(lambda: put([LINE])) == "\x1b[31m[bold]a[/]\\x1b[2J\x1b[0m b   \n"


def test_fit_cuts_what_is_too_wide_for_a_terminal(on_screen: Shown) -> None:
    assert on_screen(lambda: put([[("x" * 50, "")]], fit=True)) == "x" * 19 + "…\n"


def test_without_fit_nothing_is_lost_on_a_terminal(on_screen: Shown) -> None:
    assert on_screen(lambda: put([[("x" * 50, "")]])) == "x" * 50 + "\n"


def test_a_dumb_terminal_gets_plain_text(on_screen: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert on_screen(lambda: put([LINE])) == "[bold]a[/]\\x1b[2J b\n"


def test_tables_are_aligned_by_cells_on_a_screen() -> None:
    rows = [[("字", ""), ("7", ""), ("end", "")], [("abc\x1b", ""), ("12", ""), ("", "")]]
    lines = table((Column("a"), Column("n", right=True), Column("z")), rows)
    assert ["".join(text for text, _ in line) for line in lines] == [
        "a         n  z",
        "字        7  end",
        "abc\\x1b  12  ",
    ]


def test_json_is_one_document_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    put_json({"a": "é\x9b"})
    put_json_line({"a": ["\u202e", 1]})
    assert capsys.readouterr().out == '{\n  "a": "é\\u009b"\n}\n{"a":["\\u202e",1]}\n'
