import pytest

from proxy.cli._stopping import Told


@pytest.mark.parametrize(
    ("moments", "again"),
    [
        ((5.0,), [False]),
        ((5.0, 5.1, 5.4), [False, False, False]),  # one key press may arrive by two ways
        ((5.0, 5.6), [False, True]),
        ((5.0, 5.1, 9.0), [False, False, True]),
    ],
)
def test_what_is_said_together_is_said_once(
    monkeypatch: pytest.MonkeyPatch, moments: tuple[float, ...], again: list[bool]
) -> None:
    told = Told()
    said = []
    for moment in moments:
        monkeypatch.setattr("time.monotonic", lambda moment=moment: moment)
        said.append(told.again())
    assert said == again
