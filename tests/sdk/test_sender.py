import logging
import subprocess
import sys
from typing import Any

import pytest
from dashcam.sender import BATCH, Message, Sender
from dashcam.settings import Api

from tests.sdk.echo_server import EchoServer


def message(server: EchoServer, body: str = "{}", *, listable: bool = False) -> Message:
    return Message(Api(server.url, None), "/api/v1/events", body, listable)


def test_messages_arrive_in_order_with_the_token(server: EchoServer) -> None:
    sender = Sender()
    for number in range(3):
        sender.send(Message(Api(server.url, "secret"), f"/api/v1/{number}", str(number)))
    assert sender.flush()
    assert [(posted.path, posted.body) for posted in server.posted] == [
        ("/api/v1/0", 0),
        ("/api/v1/1", 1),
        ("/api/v1/2", 2),
    ]
    assert {posted.authorization for posted in server.posted} == {"Bearer secret"}


def test_without_a_token_there_is_no_authorization(server: EchoServer) -> None:
    sender = Sender()
    sender.send(message(server))
    assert sender.flush()
    assert server.posted[0].authorization is None


def test_neighbours_are_sent_as_one_list(server: EchoServer) -> None:
    sender = Sender()
    server.may_answer.clear()
    sender.send(message(server, "0"))  # keeps the thread busy while the rest is queued
    for number in range(1, BATCH + 3):
        sender.send(message(server, str(number), listable=True))
    sender.send(message(server, '"end"'))
    server.may_answer.set()
    assert sender.flush()
    bodies = [posted.body for posted in server.posted]
    assert bodies == [0, list(range(1, BATCH + 1)), [BATCH + 1, BATCH + 2], "end"]


def test_what_does_not_fit_is_dropped_and_counted(server: EchoServer) -> None:
    sender = Sender(capacity=2)
    server.may_answer.clear()
    sender.send(message(server, "0"))
    assert server.arrived.wait(30)
    for number in range(1, 6):
        sender.send(message(server, str(number)))
    server.may_answer.set()
    assert not sender.flush()
    assert [posted.body for posted in server.posted] == [0, 1, 2]
    assert sender.flush()  # it is told once


def test_a_refusal_is_told_by_flush_and_logged_once(
    server: EchoServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 400
    sender = Sender()
    sender.send(message(server))
    sender.send(message(server))
    assert not sender.flush()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "/api/v1/events: 400" in warnings[0].getMessage()


def test_nobody_there_is_told_by_flush(free_port: int) -> None:
    sender = Sender()
    sender.send(Message(Api(f"http://127.0.0.1:{free_port}", None), "/api/v1/events", "{}"))
    assert not sender.flush()
    sender.send(Message(Api("nonsense", None), "/api/v1/events", "{}"))
    assert not sender.flush()


def test_flush_does_not_wait_for_ever(server: EchoServer) -> None:
    sender = Sender()
    server.may_answer.clear()
    sender.send(message(server))
    assert not sender.flush(0.01)
    server.may_answer.set()
    assert sender.flush()


def test_a_connection_that_the_server_closed_is_opened_again(server: EchoServer) -> None:
    server.hang_up = True
    sender = Sender()
    server.may_answer.clear()
    for _ in range(3):  # queued behind the first, so on the same connection
        sender.send(message(server))
    server.may_answer.set()
    assert sender.flush()
    assert len(server.posted) == 3


def test_an_api_below_a_path(server: EchoServer) -> None:
    sender = Sender()
    sender.send(Message(Api(f"{server.url}/api/below", None), "/api/v1/events", "{}"))
    assert sender.flush()
    assert server.posted[0].path == "/api/below/api/v1/events"


def test_nothing_to_send_is_nothing_lost() -> None:
    assert Sender().flush()


def test_forked_children_send_their_own(server: EchoServer) -> None:
    script = """
import os, sys, warnings
import dashcam
warnings.simplefilter("ignore")  # Python warns of forking while threads run
dashcam.state("parent", 1)
if os.fork() == 0:
    dashcam.state("child", 2)
    os._exit(0 if dashcam.flush() else 1)
os.wait()
"""
    env = {"DASHCAM_API": server.url, "DASHCAM_RUN": "r"}
    subprocess.run([sys.executable, "-c", script], env=env, check=True)
    rows = [row for posted in server.posted for row in as_list(posted.body)]
    assert sorted(row["name"] for row in rows) == ["child", "parent"]


def as_list(body: Any) -> list[dict[str, str]]:
    return body if isinstance(body, list) else [body]


def test_what_is_queued_is_sent_at_exit(server: EchoServer) -> None:
    script = "import dashcam; dashcam.outcome('Completed')"
    env = {"DASHCAM_API": server.url, "DASHCAM_RUN": "r", "HTTP_PROXY": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert [posted.path for posted in server.posted] == ["/api/v1/runs/r/outcome"]
