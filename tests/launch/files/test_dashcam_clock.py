"""The clock of a replayed Python: one process is asked many things."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

FILES = Path(__file__).resolve().parents[3] / "proxy" / "launch" / "files"
THEN = 1771000000.0  # 2026-02-13, 16:26:40 UTC

PROGRAM = """
import calendar, copy, datetime, email.utils, json, pickle, time
from datetime import date, datetime as dt, timedelta, timezone

class Mine(dt):
    pass

before = pickle.loads(pickle.dumps(dt.now()))
print(json.dumps({
    "time": [time.time(), time.time_ns() / 1e9, calendar.timegm(time.gmtime())],
    "datetime": [dt.now().timestamp(), dt.now(timezone.utc).timestamp(), dt.today().timestamp()],
    "utc": dt.utcnow().replace(tzinfo=timezone.utc).timestamp(),
    "days": [str(date.today()), time.strftime("%Y-%m-%d"), str(time.localtime().tm_year),
             time.ctime()[-4:], time.asctime()[-4:], email.utils.formatdate()[12:16]],
    "given": [time.gmtime(0).tm_year, time.strftime("%Y", time.gmtime(0)), time.ctime(0)[-4:]],
    "true": time.time.real(),
    "types": [
        isinstance(dt.now(), dt), isinstance(dt.now(), date), isinstance(before, datetime.datetime),
        isinstance(dt(2020, 1, 1) + timedelta(1), dt), issubclass(dt, date), issubclass(Mine, dt),
        isinstance(Mine(2020, 1, 1), Mine), isinstance(date(2020, 1, 1), date),
        copy.deepcopy(before) == before, isinstance(dt.fromisoformat("2020-01-01"), dt),
        dt.strptime("2020", "%Y") == dt(2020, 1, 1), type(Mine.now()) is Mine,
    ],
    "not": [isinstance(dt.now(), Mine), isinstance(date.today(), dt), isinstance(1, dt)],
    "repr": repr(dt(2020, 1, 2)),
    "fast": time.perf_counter() - time.monotonic() < 1e6,
}))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("DASHCAM")},
        "PYTHONPATH": str(FILES),
        "PYTHONWARNINGS": "ignore",
        "TZ": "UTC",
        "DASHCAM_CLOCK_OFFSET": str(THEN - time.time()),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_the_clock_begins_where_the_recording_did_and_goes_on(told: dict[str, Any]) -> None:
    shown = [*told["time"], *told["datetime"], told["utc"]]
    assert all(THEN - 2 <= one <= THEN + 120 for one in shown)
    assert told["days"] == ["2026-02-13", "2026-02-13", "2026", "2026", "2026", "2026"]
    assert abs(told["true"] - time.time()) < 300


def test_what_is_no_question_of_now_stays_as_it_is(told: dict[str, Any]) -> None:
    assert told["given"] == [1970, "1970", "1970"]
    assert told["fast"]


def test_types_are_as_before(told: dict[str, Any]) -> None:
    assert told["types"] == [True] * len(told["types"])
    assert told["not"] == [False] * len(told["not"])
    assert told["repr"] == "datetime.datetime(2020, 1, 2, 0, 0)"
