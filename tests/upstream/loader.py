"""The process that has loaded all of Dashcam, and of which forks.py has others forked.

`python -m tests.upstream.loader PATH` listens at PATH until its standard input ends. Who connects
sends standard input, output and error as descriptors, then arguments, folder and environment as
JSON; the answers are the number of the process and, when it has ended, its exit code.
"""

import contextlib
import gc
import json
import os
import select
import socket
import sys
import threading
from typing import NamedTuple, NoReturn

import addons.interceptor  # noqa: F401 - to be there in every fork
import proxy.cli._attach
import proxy.cli._record
import proxy.cli._replay
import proxy.servers.app
import proxy.stores.sqlite_migrations
import proxy.stores.sqlite_verify  # noqa: F401 - likewise
from proxy.cli import COMMANDS, execute, load_command
from proxy.core import pricing, validators
from tests.upstream.forks import NUMBER, READY, STANDARD


class Asked(NamedTuple):
    """What is to be started."""

    arguments: list[str]
    folder: str
    env: dict[str, str]


def load() -> None:
    """Everything that a command loads when it is needed."""
    for name in COMMANDS:
        load_command(name)
    pricing.prepare()
    validators.prepare()
    gc.collect()
    gc.freeze()


def serve(path: str) -> Asked | None:
    """Forks when it is asked to. Returns in each fork, and, with None, when all is over."""
    open_lines: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor of the process
    with socket.create_server(path, family=socket.AF_UNIX, backlog=100) as server:
        os.write(1, READY)
        while True:
            ready = select.select([0, server.fileno(), *open_lines], [], [])[0]
            for ended in [each for each in ready if each in open_lines]:
                _tell_end(ended, *open_lines.pop(ended))
            if server.fileno() in ready:
                line = server.accept()[0]
                number = os.fork()
                if number == 0:
                    server.close()
                    for descriptor, (_, other) in open_lines.items():
                        os.close(descriptor)
                        other.close()
                    return _receive(line)
                with contextlib.suppress(OSError):  # whoever asked may be gone
                    line.sendall(NUMBER.pack(number))
                open_lines[os.pidfd_open(number)] = (number, line)
            if 0 in ready:
                return None


def _tell_end(descriptor: int, number: int, line: socket.socket) -> None:
    os.close(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    with line, contextlib.suppress(OSError):
        line.sendall(NUMBER.pack(code))


def _receive(line: socket.socket) -> Asked:
    """What is asked for; the files given with it become those of this process."""
    with line:
        _, files, _, _ = socket.recv_fds(line, 1, len(STANDARD))
        with line.makefile("rb") as rest:
            asked = Asked(*json.load(rest))
    for mine, given in zip(STANDARD, files, strict=True):
        os.dup2(given, mine)
        os.close(given)
    return asked


def become(asked: Asked) -> None:
    """Makes of this fork what Python would have made of a new process."""
    os.chdir(asked.folder)
    os.environ.clear()
    os.environ.update(asked.env)
    sys.argv[1:] = asked.arguments
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - open to the end
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - likewise
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115 - likewise


def end(code: int) -> NoReturn:
    """Ends without taking to pieces, module by module, what the loader had put together."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    load()
    wanted = serve(sys.argv[1])
    if wanted is not None:
        become(wanted)
        end(execute(wanted.arguments))
