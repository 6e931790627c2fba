"""What answers while a recording is being loaded: nobody, so that nothing goes live meanwhile."""

from dataclasses import dataclass

from proxy.core.decisions import Decision
from proxy.core.model import Own
from proxy.engine import answers
from proxy.engine.recorder import Tx


@dataclass(slots=True, frozen=True)
class Loading:
    """Stands for a replayer until there is one; `everything` is to be answered from a recording."""

    everything: bool

    def wants(self, own: Own) -> bool:
        """See `engine.Replays`."""
        return self.everything or own.replay is not None

    def may_dial(self, _host: str) -> bool:
        """See `engine.Replays`."""
        return not self.everything

    async def decide(self, tx: Tx) -> Decision:
        """See `engine.Replays`."""
        return self.decide_at_once(tx)

    def decide_at_once(self, tx: Tx) -> Decision:
        """See `engine.Replays`."""
        said = "the recording is still being loaded; nothing was contacted, ask again"
        request = tx.exchange.request
        return answers.refused(
            request, tx.request_bytes, answers.MISS_STATUS, "replay-loading", said
        )
