import subprocess
import sys

from proxy.core.validators import prepare
from proxy.core.validators._misfits import misfits


def test_what_does_not_fit() -> None:
    (found,) = misfits({"required": ["a"]}, {}, side="request", subject="t", at="$.x")
    assert (found.path, found.side, found.subject) == ("$.x.a", "request", "t")
    assert misfits({"required": ["a"]}, {"a": 1}, side="request", subject="t") == []


def test_the_engines_are_loaded_when_they_are_needed_or_beforehand() -> None:
    code = (
        "import sys, proxy.core.validators as v\n"
        "assert not any(name.startswith('jsonschema') for name in sys.modules)\n"
        "v.prepare()\n"
        "assert 'jsonschema' in sys.modules and 'jsonschema_rs' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    prepare()
