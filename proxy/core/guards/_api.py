"""The contract of a guard: it may refuse a call before it is made."""

from typing import NamedTuple, Protocol

from proxy.core.model import RequestHead


class Refusal(NamedTuple):
    """Why a call is refused: `reason` goes into `Dashcam-Refused`, `message` to the agent."""

    reason: str
    message: str


class Guard(Protocol):
    """One guard, with its own state per run."""

    name: str
    needs_body: bool

    def before(self, run_id: str, head: RequestHead, body: bytes | None) -> Refusal | None:
        """Reserve, or refuse."""

    def after(self, run_id: str, head: RequestHead) -> None:
        """Settle."""
