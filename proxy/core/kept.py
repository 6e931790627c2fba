"""What was made of something that may come again, as long as there is room for it."""

from collections import OrderedDict
from collections.abc import Hashable

_MOST = 65536  # bytes of one key: larger ones cost less to work out than to keep
_OWN = 512  # about what an entry takes beside its bytes


class Kept[Key: Hashable, Value]:
    """A table that holds up to `room` bytes of keys; the oldest go first."""

    def __init__(self, room: int = 4 * 1024 * 1024) -> None:
        self._room = room
        self._left = room
        self._table: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """What was put under `key`, if it is still there."""
        found = self._table.get(key)
        return None if found is None else found[0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keeps `value`; `size` is the bytes that key and value hold."""
        size += _OWN
        if size > _MOST or key in self._table:
            return
        self._left -= size
        while self._left < 0 and self._table:
            self._left += self._table.popitem(last=False)[1][1]
        self._table[key] = (value, size)

    def clear(self) -> None:
        """Forgets everything."""
        self._table.clear()
        self._left = self._room
