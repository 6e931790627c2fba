"""What an id of the recording is called in this replay.

A client makes up ids anew in every run, and every store has its own pseudonym for a secret; but
one stays one. So what was A in the recording and is X now is X to the end: always for pseudonyms
and for ids that are the recorded ones, for other ids wherever there is a choice.
"""

from proxy.core.matching import Volatile
from proxy.core.replay.fixtures import Fixtures

type LeftOut = tuple[Volatile, ...]


class Identities:
    """Of one replay session."""

    def __init__(self, fixtures: Fixtures) -> None:
        self._fixtures = fixtures
        self._live: dict[str, str] = {}
        self._recorded: dict[str, str] = {}
        self._exact: list[int] = []

    def served_exactly(self, position: int) -> None:
        """A fixture was served byte for byte: its ids are the recorded ones."""
        self._exact.append(position)  # looked at when it matters, which mostly is never

    def bind(self, old: LeftOut, new: LeftOut) -> None:
        """A fixture was served for a request: from now on its ids are called so."""
        for one, other in zip(_lasting(old), _lasting(new), strict=True):
            self._live.setdefault(one.text, other.text)
            self._recorded.setdefault(other.text, one.text)

    def conflict(self, old: LeftOut, new: LeftOut) -> str | None:
        """Why a fixture must not be served for a request; None if it may."""
        pairs = list(zip(_lasting(old), _lasting(new), strict=True))
        if pairs:
            self._catch_up()
        for one, other in pairs:
            live = self._live.get(one.text, other.text)
            recorded = self._recorded.get(other.text, one.text)
            if live != other.text and (one.kind == "secret" or live == one.text):
                return f"{one.text!r} of the recording is {live!r} here, not {other.text!r}"
            if recorded != one.text and (one.kind == "secret" or recorded == other.text):
                return f"{other.text!r} is {recorded!r} of the recording, not {one.text!r}"
        return None

    def fits(self, old: LeftOut, new: LeftOut) -> bool:
        """Whether all ids are called as they were called before."""
        pairs = zip(_lasting(old), _lasting(new), strict=True)
        return all(
            self._live.get(one.text, other.text) == other.text
            and self._recorded.get(other.text, one.text) == one.text
            for one, other in pairs
        )

    def _catch_up(self) -> None:
        while self._exact:
            try:
                served = self._fixtures.all[self._exact.pop()].key().left_out
            except IndexError:  # another thread took the last one
                return
            self.bind(served, served)


def _lasting(values: LeftOut) -> list[Volatile]:
    return [value for value in values if value.kind in ("secret", "uuid")]
