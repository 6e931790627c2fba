"""Newline-delimited JSON, read incrementally: bytes in, in any split; lines out.

Lines end in LF or CRLF; empty lines are passed over (https://github.com/ndjson/ndjson-spec).
"""


class LineParser:
    """Splits one stream into its lines; linear in its length however it is split."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        if b"\n" not in data:
            if data:
                self._pieces.append(data)
            return []
        if self._pieces:
            self._pieces.append(data)
            data = b"".join(self._pieces)
            self._pieces.clear()
        lines = data.split(b"\n")
        if rest := lines.pop():
            self._pieces.append(rest)
        return [line for line in lines if line.strip()]

    def partial(self) -> bytes:
        """What follows the last line end; ends the stream."""
        rest = b"".join(self._pieces)
        self._pieces.clear()
        return rest
