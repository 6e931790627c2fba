"""Run the recorded command in the foreground of our own terminal, and end as it ended."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

NOT_FOUND = 127  # POSIX shell, "Exit Status for Commands"
NOT_EXECUTABLE = 126
BY_SIGNAL = 128

# A terminal sends these to the whole foreground group, so the child has them already.
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH)
_FORWARDED = (*_FROM_TERMINAL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


async def run_child(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
) -> int:
    """Run `argv` with `env` on our own stdin, stdout and stderr, and wait for it.

    `stdin` and `stdout` are open file descriptors to be used in place of our own.

    The child stays in our process group, so that it keeps the terminal, and Ctrl-C and Ctrl-Z reach
    it as if it had been started by the shell. Signals sent to us alone are passed on; we outlive
    the child to finish the recording. Must run in the main thread.

    Returns:
        The child's exit code; 128 + n when signal n ended it; 127 or 126, and one line on stderr,
        when the command does not exist or cannot be executed.
    """
    waiting: list[signal.Signals] = []
    send: Callable[[signal.Signals], None] = waiting.append

    def pass_on(number: signal.Signals) -> None:
        if number not in _FROM_TERMINAL or not _in_foreground():
            send(number)

    with ExitStack() as stack:
        loop = asyncio.get_running_loop()
        for number in _FORWARDED:
            _catch(stack, loop, number, pass_on)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, env=dict(env), stdin=stdin, stdout=stdout
            )
        except OSError as err:
            return _not_started(argv[0], err, env)
        send = _sender(process)
        for number in waiting:
            send(number)
        code = await process.wait()
    return BY_SIGNAL - code if code < 0 else code


def _sender(process: asyncio.subprocess.Process) -> Callable[[signal.Signals], None]:
    def send(number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # ended in this very moment
            process.send_signal(number)

    return send


def _catch(
    stack: ExitStack,
    loop: asyncio.AbstractEventLoop,
    number: signal.Signals,
    handler: Callable[[signal.Signals], None],
) -> None:
    """Catch a signal until the stack is left, then give it back to whoever had it before.

    One that is ignored stays ignored, for us and for the child: that is what `nohup` asked for.
    """
    before: Any = signal.getsignal(number)
    if before is signal.SIG_IGN:
        return
    loop.add_signal_handler(number, handler, number)

    def give_back() -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, before if before is not None else signal.SIG_DFL)

    stack.callback(give_back)


def _in_foreground() -> bool:
    """Whether our group has the terminal: then the terminal has signalled the child as well."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _not_started(command: str, err: OSError, env: Mapping[str, str]) -> int:
    found = shutil.which(command, path=env.get("PATH"))
    missing = isinstance(err, FileNotFoundError) and found is None
    if missing:
        what = "command not found"
    elif isinstance(err, FileNotFoundError):
        what = "its interpreter does not exist"
    else:
        what = (err.strerror or str(err)).lower()
    sys.stderr.write(f"dashcam: {command}: {what}\n")
    return NOT_FOUND if missing else NOT_EXECUTABLE
