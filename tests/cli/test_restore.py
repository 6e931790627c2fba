from dataclasses import replace

import pytest

from proxy.cli._restore import _parents_first, renamed, restore, same, whole
from proxy.core.model import Body, Event, Exchange, Snapshot
from proxy.stores import open_store
from proxy.stores._api import RunQuery
from tests.cli.conftest import URL, Fill
from tests.cli.samples import START, support_run


def kept(run_id: str) -> Snapshot:
    store = open_store(URL)
    try:
        return store.snapshot(run_id)
    finally:
        store.close()


def test_a_run_comes_back_as_it_was(fill: Fill) -> None:
    given = support_run()
    given.events.append(
        Event(
            "run_a",
            "state",
            "plan.tier",
            START + 2,
            data={"value": "pro"},
            id=20,
            parent_event_id=2,
        )
    )
    fill(support_run("run_x"), given)
    found = kept("run_a")
    assert same(found, given)
    assert found.exchanges == given.exchanges
    names = {event.id: event.name for event in found.events}
    tree = {event.name: names.get(event.parent_event_id) for event in found.events}
    assert tree["plan.tier"] == "openai.chat"
    assert tree["crm.find"] == "act"
    assert [names[at] for at in found.outcomes[0].evidence] == ["GET crm.local/customers/{id}"]
    assert found.run == given.run


def test_an_open_run_stays_open(fill: Fill) -> None:
    given = support_run()
    given.outcomes.clear()
    given.run = replace(given.run, ended_at=None, outcome=None, failure_mode=None)
    fill(given)
    assert kept("run_a").run == given.run


@pytest.mark.parametrize(
    "change",
    [
        lambda run: replace(run, run=replace(run.run, label="x")),
        lambda run: replace(run, run=replace(run.run, metadata={})),
        lambda run: replace(run, exchanges=run.exchanges[1:]),
        lambda run: replace(run, events=run.events[:-1]),
        lambda run: replace(run, outcomes=[]),
        lambda run: replace(run, events=[replace(run.events[0], name="x"), *run.events[1:]]),
    ],
)
def test_what_is_another_run(change: object) -> None:
    given = support_run()
    assert same(given, support_run())
    assert not same(given, change(support_run()))  # type: ignore[operator]  # a function, see above


def test_the_numbers_of_events_do_not_count() -> None:
    other = support_run()
    for event in other.events:
        event.id = (event.id or 0) + 100
        event.parent_event_id = event.parent_event_id and event.parent_event_id + 100
    assert same(support_run(), other)


def test_renamed_is_the_same_run_under_other_ids() -> None:
    made = renamed(support_run(), 2)
    assert made.run.id == "run_a-2"
    assert {event.run_id for event in made.events} == {"run_a-2"}
    assert made.outcomes[0].run_id == "run_a-2"
    assert made.exchanges[3].id == "ex_run_a_4-2"
    assert made.exchanges[3].retry_of == "ex_run_a_3-2"
    call = next(event for event in made.events if event.data.get("seq") == 4)
    assert (call.data["exchangeId"], call.data["retryOf"]) == ("ex_run_a_4-2", "ex_run_a_3-2")


def test_whole_makes_the_timeline_and_the_verdict_that_a_file_lacks(fill: Fill) -> None:
    given = support_run()
    crm = replace(given.exchanges[4].request, method="GET", target="/customers/1")
    given.exchanges[4] = replace(given.exchanges[4], request=crm)
    bare = Snapshot(given.run, given.exchanges)
    made = whole(bare, lambda exchange: exchange)
    assert [event.data["seq"] for event in made.events] == [1, 2, 3, 4, 5, 6]
    assert [event.id for event in made.events] == [1, 2, 3, 4, 5, 6]
    assert made.outcomes[0].failure_mode == "Tool Error"
    assert made.outcomes[0].evidence == (5,)
    fill(made)
    assert [event.name for event in kept("run_a").events if event.kind == "group"] == [
        "plan",
        "act",
    ]


def test_whole_takes_secrets_out() -> None:
    def redact(exchange: Exchange) -> Exchange:
        return replace(exchange, error="redacted")

    made = whole(support_run(), redact)
    assert {exchange.error for exchange in made.exchanges} == {"redacted"}
    assert made.events == support_run().events
    assert made.outcomes == support_run().outcomes


def test_parents_come_first_and_rings_end() -> None:
    def event(number: int, parent: int | None, at: float) -> Event:
        return Event("r", "state", "s", at, id=number, parent_event_id=parent)

    child_first = [event(1, 2, 1.0), event(2, 3, 2.0), event(3, None, 3.0), event(9, 99, 0.0)]
    assert [found.id for found in _parents_first(child_first)] == [9, 3, 2, 1]
    ring = [event(1, 2, 1.0), event(2, 1, 2.0), event(3, 3, 3.0)]
    assert sorted(found.id or 0 for found in _parents_first(ring)) == [1, 2, 3]


def test_all_or_nothing(fill: Fill) -> None:
    fill(support_run("run_x"))
    given = support_run()
    given.outcomes[0] = replace(given.outcomes[0], reason=object())  # type: ignore[arg-type]  # cannot be stored
    store = open_store(URL)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the store says
        restore(store, given)
    assert [row.run.id for row in store.runs(RunQuery())] == ["run_x"]
    store.close()


def test_what_is_wrong_with_a_foreign_recordings_payloads_is_found(fill: Fill) -> None:
    given = support_run()
    broken = replace(given.exchanges[1], response_body=Body(b'{"rows": [1, 2'))
    foreign = replace(given, exchanges=[broken], events=[], outcomes=[])
    made = whole(foreign, lambda exchange: exchange)
    call, found = made.events
    assert (found.kind, found.name, found.parent_event_id) == (
        "validation",
        "partial_json",
        call.id,
    )
    fill(made)
    kinds = {event.kind: event for event in kept("run_a").events}
    assert kinds["validation"].parent_event_id in {event.id for event in kept("run_a").events}
