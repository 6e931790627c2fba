"""Where runs are kept. `STORES` lists the kinds by the scheme of their URL."""

from proxy.errors import ConfigError
from proxy.stores._api import Store
from proxy.stores.seals import Seals


def _sqlite(url: str, *, create: bool, durability: str, seals: Seals) -> Store:
    from proxy.stores.sqlite import open_sqlite  # noqa: PLC0415 - opened when it is used

    return open_sqlite(url, create=create, durability=durability, seals=seals)


def _memory(url: str, **_: object) -> Store:
    from proxy.stores.memory import MemoryStore  # noqa: PLC0415 - opened when it is used

    return MemoryStore(url)  # nothing of it is at rest


STORES = {"sqlite": _sqlite, "memory": _memory}


def open_store(
    url: str,
    *,
    create: bool = True,
    durability: str = "durable",
    vault: str | None = None,
    seal: bool = False,
) -> Store:
    """Opens the store at `url`: `sqlite:///relative.db`, `sqlite:////absolute.db` or `memory:`.

    `create` makes one that is not there (else StoreError). `durability` is durable or strict
    (commits survive a power loss) or fast (they survive a crash of the program). `vault` names the
    key that opens sealed bodies, as the setting does; with `seal`, what is written is sealed by it.

    Raises:
        ConfigError: an unknown scheme or durability, a URL without a file, no key to seal with.
        StoreMismatch: a newer program wrote it.
        StoreUnavailable: it cannot be used just now.
        StoreError: it is not a store.
    """
    scheme, colon, _ = url.partition(":")
    opener = STORES.get(scheme) if colon else None
    if opener is None:
        known = ", ".join(f"{name}:" for name in STORES)
        raise ConfigError(
            f"no kind of store goes by {url!r}",
            hint=f"known are {known}; a file is sqlite:///folder/file.db",
        )
    seals = Seals(vault, always=seal)
    if seal:
        seals.check()
    return opener(url, create=create, durability=durability, seals=seals)
