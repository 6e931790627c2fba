"""`dashcam outcome`: what a run came to, by the rules or by its caller."""

import time
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._patience import patiently
from proxy.cli._print import put_json
from proxy.cli._source import is_file, reading, source
from proxy.core.model import FAILURE_MODES, Outcome
from proxy.core.outcomes import as_object, current_outcome
from proxy.errors import ConfigError, RecordingNotFound
from proxy.stores._api import AddOutcome

STATUSES = ("Completed", "Failed", *FAILURE_MODES)


@subcommand()
@click.argument("run")
@click.argument("status", required=False, type=click.Choice(STATUSES, case_sensitive=False))
@click.option(
    "--failure-mode",
    type=click.Choice(FAILURE_MODES, case_sensitive=False),
    help="What kind of failure it was.",
)
@click.option("--reason", metavar="TEXT", help="In a few words, what happened.")
@click.option("--retryable/--not-retryable", default=None, help="Whether trying again may help.")
@click.option("--user-impact", metavar="TEXT", help="What it meant for the user.")
def command(
    cli: Cli,
    *,
    run: str,
    status: str | None,
    failure_mode: str | None,
    reason: str | None,
    retryable: bool | None,
    user_impact: str | None,
) -> None:
    """Show a run's outcome, or set it.

    Without STATUS, prints the outcome that counts. STATUS is Completed, Failed, or a failure mode,
    which means Failed. An outcome set here outranks those of the rules for ever.
    """
    if status is None:
        if failure_mode or reason or retryable is not None or user_impact:
            raise click.UsageError("to set an outcome give its STATUS, too")
        _show(cli, run)
        return
    if status in FAILURE_MODES:
        if failure_mode not in {None, status}:
            raise click.UsageError(f"{status} and --failure-mode {failure_mode} contradict")
        status, failure_mode = "Failed", status
    if status == "Failed" and failure_mode is None:
        modes = ", ".join(f'"{mode}"' for mode in FAILURE_MODES)
        raise click.UsageError(f"Failed needs a --failure-mode: {modes}")
    if status == "Completed" and failure_mode is not None:
        raise click.UsageError("a completed run has no failure mode")
    if is_file(run):
        raise ConfigError(
            f"{Path(run)} is a file, and outcomes are set in the store",
            hint=f"import it first: dashcam import {run}",
        )
    with reading(cli) as store:
        found = store.find_run(run)
        made = Outcome(
            run_id=found.id,
            label=found.label,
            status=status,
            failure_mode=failure_mode,
            reason=reason,
            retryable=retryable,
            user_impact=user_impact,
            created_at=time.time(),
            source="caller",
        )
        patiently(lambda: store.write([AddOutcome(made)]))
    put_json(as_object(made))


def _show(cli: Cli, ref: str) -> None:
    with source(cli, ref) as found:
        counts = current_outcome(found.outcomes)
    if counts is None:
        raise RecordingNotFound(
            f"run {found.run.id} has no outcome yet",
            hint="it gets one when it ends; or set it: dashcam outcome RUN STATUS",
        )
    put_json(as_object(counts))
