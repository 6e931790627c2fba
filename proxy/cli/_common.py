"""What every command has: its options --store, --vault, --config, --json; what they lead to."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # importing it costs time that `--help` need not spend
    from proxy.config import Settings

_COMMON = ("store", "vault_key", "config", "as_json")


@dataclass(slots=True, frozen=True)
class Cli:
    """The common options of one command line."""

    store: str | None
    config: Path | None
    json: bool
    vault_key: str | None = None  # where the command has no --vault of its own

    def settings(self, **flags: Any) -> "Settings":
        """What holds, with the command's own `flags` (None or an empty tuple: not given)."""
        from proxy.config import load

        given = {"store": self.store, "vault": self.vault_key, **flags}
        return load(given, None, self.config)


def subcommand(**attrs: Any) -> Callable[[Callable[..., int | None]], click.Command]:
    """Makes a module's function its click command.

    The function gets a `Cli` first and the command's own parameters by name; what it returns is the
    exit code (None: 0). The command is named after its module.
    """

    def make(function: Callable[..., int | None]) -> click.Command:
        name = function.__module__.rpartition(".")[2].rstrip("_")

        @functools.wraps(function)
        def callback(**params: Any) -> int:
            given = {key: params.pop(key, None) for key in _COMMON}
            outer = click.get_current_context().find_root().obj or {}
            common = {key: value or outer.get(key) for key, value in given.items()}
            config = common["config"]
            file = Path(config) if config else None
            cli = Cli(common["store"], file, bool(common["as_json"]), common["vault_key"])
            return function(cli, **params) or 0

        cls: type[click.Command] = attrs.pop("cls", click.Command)
        made = click.command(name, cls=cls, **attrs)(callback)
        if not any("--vault" in param.opts for param in made.params):
            sealed = click.Option(
                ["--vault", "vault_key"], metavar="KEY", help="Opens sealed runs."
            )
            made.params.append(sealed)
        made.params += [
            click.Option(["--store"], metavar="URL", help="Where runs are kept."),
            click.Option(["--config"], metavar="FILE", help="The settings file."),
            click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."),
        ]
        return made

    return make
