"""An enforced schema for upstreams that echo: `ask` must be sent, `customerId` must come back."""

from proxy.core.schemas import Book, Declared
from proxy.engine.engine import Engine
from proxy.engine.gate import Gate

BOTH = b'{"ask":1,"customerId":"7"}'
BAD_ANSWER = b'{"ask":1,"customer_id":"7"}'
BAD_REQUEST = b'{"customerId":"7"}'
SAID = "there is `customer_id` instead, which looks like the same field renamed"

ECHO = Declared(
    "echo",
    tool="echo",
    mode="enforce",
    request={"type": "object", "required": ["ask"]},
    responses={"2XX": {"type": "object", "required": ["customerId"]}},
)


def enforce(engine: Engine, *declared: Declared) -> None:
    """Sets the gate, on an engine that runs; the writer judges by the same book."""
    book = Book(declared or [ECHO])
    engine.gate = Gate(book, engine.writer.learned)
    engine.writer._book = book
