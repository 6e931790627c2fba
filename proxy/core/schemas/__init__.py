"""The schemas that a user declares for tools: where they apply, how strictly, and what breaks them.

`reading` takes them from parsed files, `openapi` from OpenAPI documents; `Book` finds the one that
is meant for a request; `checking` holds payloads against it. `inferring` makes a first schema of
payloads that were good, `comparing` tells how two schemas differ.
"""

from proxy.core.schemas.book import Book
from proxy.core.schemas.declared import MODES, OBSERVE, Declared, Rule

__all__ = ["MODES", "OBSERVE", "Book", "Declared", "Rule"]
