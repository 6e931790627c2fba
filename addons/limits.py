"""What a client may take: how long for a head, how many bytes for it, how long to be quiet."""

from typing import NamedTuple


class ClientLimits(NamedTuple):
    """What holds for every client; `token`, if any, is the password that each must send.

    `head` seconds and `head_bytes` for a request's head; `idle` seconds between requests.

    A body, and an answer, may take as long as the engine lets an exchange be silent.
    """

    head: float = 10.0
    head_bytes: int = 256 * 1024
    idle: float = 600.0  # longer than the usual servers wait, so that nobody meets it
    silence: float = 1.0  # after so long in a tunnel, the server may be the one that speaks first
    token: str | None = None

    @property
    def first(self) -> float:
        """Seconds for all that comes before a connection's first request: CONNECT and TLS.

        A client that opens many connections at once needs them long before it uses the last.
        """
        return 6 * self.head


USUAL = ClientLimits()
