"""Enforced schemas on the forward path: a bad call is not sent, a bad answer is not passed on.

Only what is under an enforced schema is held whole (`holds`); everything else never comes here.
What nobody could check (a schema of no use, too much work) is passed on: it accuses nobody.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping

from proxy.core.decisions import Refuse
from proxy.core.model import Own, RequestHead
from proxy.core.schemas import Book
from proxy.core.schemas.book import Enforced
from proxy.core.schemas.enforcing import (
    WITHHELD,
    Case,
    awaits_answer,
    refused_request,
    withheld_answer,
)
from proxy.core.validators import Learned
from proxy.engine.recorder import Tx

_QUICK = 64 * 1024  # bytes that are checked at once; larger ones hold up nobody else


class Gate:
    """Asked by the engine. `learned` are the schemas that MCP servers declare, by step."""

    def __init__(self, book: Book, learned: Mapping[str, Learned]) -> None:
        self._enforced = Enforced(book)
        self._learned = learned

    def __bool__(self) -> bool:
        return bool(self._enforced)

    def holds(self, head: RequestHead, own: Own) -> bool:
        """Whether the request, and its answer, must be seen whole."""
        return self._enforced.holds(head, own.step)

    async def request(self, tx: Tx) -> Refuse | None:
        """What a request is answered with that breaks a schema; None when it may go on.

        The answer of one that goes on is held when it is under an enforced schema, too.
        """
        case = self._case(tx)
        refusal = await _run(functools.partial(refused_request, case), len(case.body))
        if refusal is None and awaits_answer(case):
            tx.hold_answer()
        return refusal

    async def answer(self, tx: Tx) -> Refuse | None:
        """What the client gets in place of an answer that breaks a schema; None: the answer."""
        response, got = tx.exchange.response, tx.response_bytes
        if response is None:
            return None
        check = functools.partial(withheld_answer, self._case(tx), response, got)
        refusal = await _run(check, len(got))
        if refusal is not None:
            tx.note(WITHHELD)
        return refusal

    def _case(self, tx: Tx) -> Case:
        exchange = tx.exchange
        book, learned = self._enforced.book, self._learned
        return Case(book, learned, exchange.request, exchange.own.step, tx.request_bytes)


async def _run[T](check: Callable[[], T], size: int) -> T:
    return check() if size <= _QUICK else await asyncio.to_thread(check)
