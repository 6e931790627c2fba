import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from tests.cli.conftest import Done
from tests.upstream.server import Upstream

type Dashcam = Callable[..., Done]

# Asks with a number of its own and with a date that is a fact, and says both.
AGENT = """
import datetime, random, sys, urllib.request, dashcam
ticket = dashcam.value("ticket", lambda: random.randrange(10**9))
due = datetime.date.today() + datetime.timedelta(days=3)
url = f"{sys.argv[1]}/fixed?size=3&ticket={ticket}&due_date={due}"
urllib.request.urlopen(url).read()
print("said", ticket, due)
dashcam.flush()
"""


def test_a_replay_has_the_values_and_the_date_of_the_recording(
    dashcam: Dashcam, upstream: Upstream, folder: Path
) -> None:
    command = (sys.executable, "-c", AGENT, upstream.http)
    assert dashcam("run", "--id", "r1", "--", *command).code == 0
    file = folder / "r1.dashcam.jsonl"
    assert dashcam("export", "r1", "--to", str(file)).code == 0
    upstream.stop()
    text = file.read_text()
    said = next(one for one in text.split("&ticket=") if one[0].isdecimal())
    ticket, due = said.partition("&")[0], said.partition("due_date=")[2][:10]
    before = str(date.fromisoformat(due) - timedelta(days=40))
    first, _, rest = text.replace(due, before).partition("\n")  # as if it were from then
    head = json.loads(first)
    head["run"]["started_at"] -= 40 * 86400
    file.write_text(json.dumps({**head, "edited": True}) + "\n" + rest)

    now = dashcam("replay", str(file), "--json", "--", *command)
    assert now.code == 2
    (missed,) = json.loads(now.err.strip().splitlines()[-1])["missed"]
    assert missed["url"].endswith(f"&ticket={ticket}&due_date={due}"), "the value is served"
    then = dashcam("test", str(file), "--clock", "recorded", "--json", "--", *command)
    assert then.code == 0, then.out
    (made,) = json.loads(then.out)["tests"]
    assert made["output"].strip() == f"said {ticket} {before}"
