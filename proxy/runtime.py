"""The composition root: settings in, a working engine out. Knows every part but mitmproxy."""

import asyncio
import fnmatch
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.config import Settings
from proxy.core.redaction.redactor import Keep, Redactor
from proxy.core.redaction.rules import Pattern, Rules
from proxy.core.schemas import Book, Rule
from proxy.core.schemas.declared import ENFORCE, WARN
from proxy.engine import logs
from proxy.engine.engine import Engine, Limits
from proxy.engine.gate import Gate
from proxy.engine.judging import Judging
from proxy.engine.proxies import Proxies
from proxy.engine.router import Router
from proxy.engine.runs import RunBook
from proxy.engine.upstream import Pool
from proxy.engine.writer import Writer
from proxy.stores import open_store
from proxy.stores._api import Store

if TYPE_CHECKING:
    from proxy.stores.vault import Vault

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Runtime:
    """What a command that records or replays works with."""

    settings: Settings
    store: Store
    redactor: Redactor
    engine: Engine
    quiet: Callable[[], None]  # ends the redacting of logs

    async def stop(self) -> None:
        """Writes everything and lets go."""
        await self.engine.stop()
        self.store.close()
        self.quiet()


async def start(settings: Settings) -> Runtime:
    """Opens the store and starts the engine. Raises DashcamError."""
    store = await asyncio.to_thread(
        open_store,
        settings.store,
        durability=settings.durability,
        vault=settings.vault,
        seal=settings.vault_bodies,
    )
    redactor = redactor_of(settings, store, keep=_keeper(settings))
    book = book_of(settings)
    writer = Writer(
        store,
        redactor,
        Judging(store, settings.labels),
        loop=asyncio.get_running_loop(),
        durability=settings.durability,
        book=book,
        prices=settings.prices,
    )
    gate = Gate(book, writer.learned) if book else None
    router = Router.of(settings.upstream)
    engine = Engine(
        runs=RunBook(settings.correlation, settings.label, shared=settings.workers > 1),
        writer=writer,
        pool=Pool(
            upstream_ca=settings.upstream_ca,
            connect_timeout=settings.connect_timeout,
            proxies=Proxies.of(settings.upstream_proxy, os.environ, router.own_ports),
            certificates=settings.client_certificates,
        ),
        router=router,
        limits=Limits(settings.response_timeout, settings.idle_timeout),
        gate=gate or None,
    )
    await engine.start()
    return Runtime(settings, store, redactor, engine, logs.install(redactor.text))


def vault_of(settings: Settings) -> "Vault | None":
    """The vault of the store, opened with the user's key; None where no key is set.

    `Vault.restored` puts secrets back in the place of pseudonyms. Raises DashcamError.
    """
    if settings.vault is None:
        return None
    from proxy.stores.vault import Vault, path_of, read_key  # noqa: PLC0415 - slow to import

    return Vault.open(path_of(settings.store), read_key(settings.vault))


def _keeper(settings: Settings) -> Keep | None:
    """What keeps secrets in the vault; one that cannot be kept costs nothing but itself."""
    vault = vault_of(settings)
    if vault is None:
        return None

    def keep(pseudonym: bytes, value: bytes) -> None:
        try:
            vault.keep(pseudonym, value)
        except OSError as error:
            _log.warning("%s is not in the vault: %s", pseudonym.decode(), error)

    return keep


def redactor_of(settings: Settings, store: Store, *, keep: Keep | None = None) -> Redactor:
    """The redactor of a store: its key, the user's rules."""
    rules = settings.redaction
    return Redactor(
        store.secret(),
        Rules(
            patterns=tuple(Pattern("custom", regex) for regex in rules.patterns),
            headers=rules.headers,
            json_paths=rules.json_paths,
            allow_headers=frozenset(rules.allow_headers) or None,
            pii=("all",) if rules.pii else (),
        ),
        keep,
    )


def schema_rules(settings: Settings) -> list[Rule]:
    """How strictly the settings mean which schemas; the strictest first."""
    where = settings.schemas
    strict = [Rule(glob, ENFORCE) for glob in where.enforce]
    return strict + [Rule(glob, WARN) for glob in where.warn]


def book_of(settings: Settings) -> Book:
    """The schemas that are declared.

    Raises:
        ConfigError: A file cannot be used, and somebody asked for it or for strictness.
    """
    where, rules = settings.schemas, schema_rules(settings)
    if not (rules or where.openapi or where.folder.is_dir()):
        return Book()
    from proxy.core import validators  # noqa: PLC0415 - slow to import, like the next
    from proxy.engine import schema_files  # noqa: PLC0415

    strict = bool(rules or where.openapi) or settings.origins["schemas.folder"].source != "default"
    book, problems = schema_files.book(where.folder, where.openapi, rules, strict=strict)
    for problem in problems:
        _log.warning("not a schema: %s", problem)
    if book:
        validators.prepare()  # a call that is held must not wait for it
    return book


def ignored(settings: Settings) -> Callable[[str], bool]:
    """Whether a host is one of those to leave alone."""
    globs = tuple(glob.lower() for glob in settings.ignore)
    return lambda host: any(fnmatch.fnmatch(host.lower(), glob) for glob in globs)


def raise_file_limit() -> None:
    """Connections are files: takes as many as the system lets this process have."""
    if os.name == "posix":
        import resource  # noqa: PLC0415 - there is none on other systems

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = hard if hard != resource.RLIM_INFINITY else 65536
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
