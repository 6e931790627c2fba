"""`dashcam demo`: record and replay a small agent, without keys or network."""

from proxy.cli._common import Cli, subcommand


@subcommand(
    help="Record a small support agent against a local provider, show it, replay it offline.",
    epilog="Works in a temporary folder and takes a few seconds.",
)
def command(cli: Cli) -> int:
    """See the help."""
    from proxy.demo import story

    del cli
    code: int = story.main()
    return code
