"""The agent's process said that it failed."""

from proxy.core.outcomes import _timeline as timeline
from proxy.core.outcomes._api import Facts, Verdict

name = "exit_code"

STOPPED = {2: "SIGINT", 15: "SIGTERM", 1: "SIGHUP"}  # somebody or something ended it
CRASHES = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV"}
_SHELL = 128  # a shell reports a death by signal N as 128+N; a parent process as -N


def judge(facts: Facts) -> Verdict | None:
    """Tool Error when a failed call explains the exit, Timeout when stopped, else Bad Output."""
    if not facts.exit_code:
        return None
    how = describe(facts.exit_code)
    unmended = timeline.failures(facts.events)
    if unmended:
        event = unmended[-1]
        code = timeline.status_code(event)
        said = timeline.error_text(event) or "failed"
        shown = event.name if code is None else f"{event.name} {code}"
        return Verdict(
            "Failed",
            "Tool Error",
            f"{shown}: {said}; {how}",
            user_impact=timeline.impact(facts, event),
            evidence=timeline.evidence(facts, event),
        )
    if signal_of(facts.exit_code) in STOPPED:
        return Verdict("Failed", "Timeout", how, retryable=True)
    return Verdict("Failed", "Bad Output", how)


def signal_of(code: int) -> int | None:
    """The signal that an exit code stands for, if it does."""
    number = -code if code < 0 else code - _SHELL
    known = code < 0 or number in STOPPED or number in CRASHES
    return number if known else None


def describe(code: int) -> str:
    """An exit code in words."""
    number = signal_of(code)
    if number is None:
        return f"exit code {code}"
    word = "stopped" if number in STOPPED else "killed"
    return f"{word} by {STOPPED.get(number) or CRASHES.get(number) or f'signal {number}'}"
