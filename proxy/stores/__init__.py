"""Where runs are kept. `STORES` lists the kinds by the scheme of their URL."""

from proxy.errors import ConfigError
from proxy.stores._api import Store


def _sqlite(url: str, *, create: bool, durability: str) -> Store:
    from proxy.stores.sqlite import open_sqlite  # noqa: PLC0415 - opened when it is used

    return open_sqlite(url, create=create, durability=durability)


def _memory(url: str, *, create: bool, durability: str) -> Store:  # noqa: ARG001 - one signature
    from proxy.stores.memory import MemoryStore  # noqa: PLC0415 - opened when it is used

    return MemoryStore(url)


STORES = {"sqlite": _sqlite, "memory": _memory}


def open_store(url: str, *, create: bool = True, durability: str = "durable") -> Store:
    """Opens the store at `url`: `sqlite:///relative.db`, `sqlite:////absolute.db` or `memory:`.

    `create` makes one that is not there (else StoreError). `durability` is durable or strict
    (commits survive a power loss) or fast (they survive a crash of the program).

    Raises:
        ConfigError: an unknown scheme or durability, a URL without a file.
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
    return opener(url, create=create, durability=durability)
