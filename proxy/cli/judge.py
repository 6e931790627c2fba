"""`dashcam judge`: asks a model one question about a run's last answer."""

import asyncio

import click

from proxy.cli._common import Cli, subcommand

FAILED = 2


@subcommand(
    help="Ask a model about the last answer of RUN.",
    epilog="""\b
Examples:
  dashcam judge last --model openai/gpt-5-mini --ask "Does it name the refund policy?"
  dashcam judge last                    # by the `judge` of the run's label, in dashcam.toml
  dashcam judge last --replay           # offline: what was answered before

The call goes through Dashcam and is a run of its own, labelled `judge`. Asked again, the same
question about the same answer is answered from that run. A no makes a Completed run a Bad Output,
unless its caller has said what it came to. The key comes from the environment: OPENAI_API_KEY for
openai/…, ANTHROPIC_API_KEY for anthropic/…. Ends with 0 for yes, 2 for no, and with 125 when there
is no verdict.""",
)
@click.argument("ref", metavar="RUN")
@click.option("--model", metavar="PROVIDER/MODEL", help="Who is asked.")
@click.option("--ask", "asks", metavar="TEXT", help="What: a question to answer with yes or no.")
@click.option("--base-url", metavar="URL", help="Another place for it: http://127.0.0.1:8000/v1.")
@click.option("--again", is_flag=True, help="Ask, though there is a recorded answer.")
@click.option("--replay", is_flag=True, help="Stay offline: only a recorded answer will do.")
def command(
    cli: Cli,
    *,
    ref: str,
    model: str | None,
    asks: str | None,
    base_url: str | None,
    again: bool,
    replay: bool,
) -> int:
    """See the help."""
    if again and replay:
        raise click.UsageError("--again goes live and --replay does not")
    from proxy.cli._judge import How, asked, prepared
    from proxy.cli._print import put, put_json

    settings = cli.settings()
    made = prepared(cli, settings, ref, How(model, asks, base_url, again=again, replay=replay))
    found = asyncio.run(asked(settings, made))
    if cli.json:
        put_json(found.as_json())
    else:
        put(found.lines())
    return 0 if found.verdict.passed else FAILED
