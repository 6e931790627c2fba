"""SupportAgent: a small support agent that reads a ticket, looks things up, acts and replies.

    python -m proxy.demo.agent [--fix] [--ticket TEXT]

Four phases: plan, retrieve, execute, validate. The model is reached with the official `openai` SDK
(`OPENAI_API_KEY`, `OPENAI_BASE_URL`), the tools over HTTP: a knowledge base, and a CRM that wants
`CRM_TOKEN`. It prints the reply and ends with 0, whatever became of the ticket: many agents do, and
that is why an exit code says so little about a run. `--fix` makes it fetch a new token after a 401.
"""

import argparse
import datetime as dt
import json
import os
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from openai import OpenAI
from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
)

MODEL = "gpt-5-mini"
KNOWLEDGE = "https://kb.acme.test"
CRM = "https://crm.acme.test"
TICKET = (
    "Hello, I am cus_18422. I was charged twice for my March subscription. "
    "Can you refund the duplicate charge, please?"
)
MAX_STEPS = 6
_UNAUTHORIZED = 401
_SHORTEST_REPLY = 120


def _tool(name: str, description: str, **properties: str) -> ChatCompletionFunctionToolParam:
    """A tool as the model is told of it; every property is required, its value is its type."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": kind} for key, kind in properties.items()},
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }


RETRIEVE_TOOLS = [
    _tool("kb_search", "Search the knowledge base.", query="string", topK="integer"),
]
EXECUTE_TOOLS = [
    _tool("crm_get_customer", "Read a customer with all charges.", customerId="string"),
    _tool("crm_create_refund", "Refund a charge.", chargeId="string", amount="integer"),
]


class Tools:
    """The agent's hands: what the model may ask for, done over HTTP."""

    def __init__(self, http: httpx2.Client, *, refresh: bool) -> None:
        self._http = http
        self._refresh = refresh
        self._token = os.environ.get("CRM_TOKEN", "crm-2025-11")
        self._table = {
            "kb_search": self._search,
            "crm_get_customer": self._customer,
            "crm_create_refund": self._refund,
        }

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """The tool's JSON answer; an error answer is an answer, and the model shall see it."""
        return self._table[name](arguments).json()

    def _search(self, arguments: Mapping[str, Any]) -> httpx2.Response:
        return self._http.post(f"{KNOWLEDGE}/search", json=dict(arguments))

    def _customer(self, arguments: Mapping[str, Any]) -> httpx2.Response:
        return self._crm("GET", f"/customers/{arguments['customerId']}")

    def _refund(self, arguments: Mapping[str, Any]) -> httpx2.Response:
        return self._crm("POST", "/refunds", json=dict(arguments))

    def _crm(self, method: str, path: str, **options: Any) -> httpx2.Response:
        answer = self._send(method, path, **options)
        if answer.status_code == _UNAUTHORIZED and self._refresh and self._renew():
            return self._send(method, path, **options)
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self._token}"}
        return self._http.request(method, f"{CRM}{path}", headers=headers, **options)

    def _renew(self) -> bool:
        """Fetches a new token; False when there is none to be had."""
        refresh_token = os.environ.get("CRM_REFRESH_TOKEN", "crm-refresh")
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = self._http.post(f"{CRM}/oauth/token", json=grant)
        if not answer.is_success:
            return False
        self._token = answer.json()["access_token"]
        return True


@dataclass(slots=True)
class Agent:
    """One ticket's agent: the conversation so far, the model and the tools."""

    model: OpenAI
    tools: Tools
    ticket: str
    messages: list[ChatCompletionMessageParam] = field(default_factory=list)

    def work(self) -> str:
        """Works on the ticket and returns the reply."""
        self.plan()
        self.retrieve()
        return self.execute()

    def plan(self) -> None:
        """Asks for a plan, and begins the conversation with it."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        system = f"You are a support agent of Acme. It is {now}. Request {uuid.uuid4()}."
        completion = self.model.chat.completions.create(
            model=MODEL,
            temperature=0,
            response_format={"type": "json_object"},
            messages=[
                {"role": "system", "content": f"{system} Plan the next steps, as JSON."},
                {"role": "user", "content": self.ticket},
            ],
        )
        plan = json.loads(completion.choices[0].message.content or "{}")
        self.messages = [
            {"role": "system", "content": f"{system} The plan: {', '.join(plan['steps'])}."},
            {"role": "user", "content": self.ticket},
        ]

    def retrieve(self) -> None:
        """Lets the model search the knowledge base once."""
        completion = self.model.chat.completions.create(
            model=MODEL, temperature=0, messages=self.messages, tools=RETRIEVE_TOOLS
        )
        self._use_tools(completion.choices[0].message)

    def execute(self) -> str:
        """Lets the model act until it has written the reply; streamed, within a step budget."""
        for _ in range(MAX_STEPS):
            with self.model.chat.completions.stream(
                model=MODEL,
                temperature=0,
                messages=self.messages,
                tools=EXECUTE_TOOLS,
                stream_options={"include_usage": True},
            ) as stream:
                message = stream.get_final_completion().choices[0].message
            if not message.tool_calls:
                return message.content or ""
            self._use_tools(message)
        return "I could not finish this in time; a colleague will take over."

    def _use_tools(self, message: ChatCompletionMessage) -> None:
        """Calls what the model asked for and appends both sides to the conversation."""
        calls = [
            call
            for call in message.tool_calls or ()
            if isinstance(call, ChatCompletionMessageFunctionToolCall)
        ]
        if not calls:
            return
        self.messages.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {
                            "name": call.function.name,
                            "arguments": call.function.arguments,
                        },
                    }
                    for call in calls
                ],
            }
        )
        for call in calls:
            result = self.tools.call(call.function.name, json.loads(call.function.arguments))
            self.messages.append(
                {"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)}
            )


def validate(reply: str) -> list[str]:
    """What is wrong with a reply; empty when nothing is."""
    problems = []
    if len(reply) < _SHORTEST_REPLY:
        problems.append("too short")
    if not re.search(r"https?://", reply):
        problems.append("no link to a source")
    if re.search(r"as an ai language model", reply, re.IGNORECASE):
        problems.append("boilerplate")
    return problems


def main(argv: Sequence[str] | None = None) -> int:
    """Answers one ticket; 0 whenever a reply was written."""
    parser = argparse.ArgumentParser(prog="python -m proxy.demo.agent")
    parser.add_argument("--ticket", default=TICKET, help="what the customer wrote")
    parser.add_argument("--fix", action="store_true", help="fetch a new CRM token after a 401")
    arguments = parser.parse_args(argv)
    with httpx2.Client(timeout=10) as http, OpenAI(max_retries=2) as model:
        tools = Tools(http, refresh=arguments.fix)
        reply = Agent(model, tools, arguments.ticket).work()
    for problem in validate(reply):
        sys.stderr.write(f"validation: {problem}\n")
    sys.stdout.write(reply + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
