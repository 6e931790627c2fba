"""Settings: what holds, where it came from, and what is said about what cannot hold."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from proxy.config import SETTINGS, HostPort, Origin, Redaction, Schemas, Settings, load
from proxy.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults() -> None:
    settings = load({}, {})
    assert settings.store == "sqlite:///recordings/dashcam.db"
    assert settings.listen == HostPort("127.0.0.1", 8080)
    assert settings.api == HostPort("127.0.0.1", 8081)
    assert settings.durability == "durable"
    assert settings.pace == 0
    assert settings.match == "normalised"
    assert settings.correlation[0] == "dashcam-run"
    assert settings.ca_dir == Path.home() / ".dashcam" / "ca"
    assert settings.redaction == Redaction((), (), (), (), pii=False)
    assert set(settings.origins.values()) == {Origin("default")}


def test_flags_over_environment_over_file_over_defaults(empty_folder: Path) -> None:
    (empty_folder / "dashcam.toml").write_text('store = "f"\nlabel = "f"\nworkers = 2\n')
    env = {"DASHCAM_STORE": "e", "DASHCAM_LABEL": "e"}
    settings = load({"store": "x", "label": None, "ignore": ()}, env)
    assert (settings.store, settings.label, settings.workers, settings.ignore) == ("x", "e", 2, ())
    assert [settings.origins[name] for name in ("store", "label", "workers", "ignore")] == [
        Origin("flag", "the command line"),
        Origin("env", "DASHCAM_LABEL"),
        Origin("file", "dashcam.toml"),
        Origin("default"),
    ]


def test_the_file_may_be_named_by_flag_or_variable(empty_folder: Path) -> None:
    (empty_folder / "dashcam.toml").write_text('label = "here"\n')
    for name in ("a", "b"):
        (empty_folder / f"{name}.toml").write_text(f'label = "{name}"\n')
    env = {"DASHCAM_CONFIG": "b.toml"}
    assert load({}, {}).label == "here"
    assert load({}, env).label == "b"
    assert load({}, env, Path("a.toml")).label == "a"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHCAM_WORKERS", "3")
    assert load().workers == 3


# name, as written, as read
VALUES: list[tuple[str, Any, Any]] = [
    ("listen", "9000", HostPort("127.0.0.1", 9000)),
    ("listen", 0, HostPort("127.0.0.1", 0)),
    ("listen", ":9000", HostPort("127.0.0.1", 9000)),
    ("listen", "0.0.0.0:1", HostPort("0.0.0.0", 1)),  # noqa: S104 - parsed, not bound
    ("listen", "[::1]:9", HostPort("::1", 9)),
    ("api", "http://127.0.0.1:8081", HostPort("127.0.0.1", 8081)),
    ("api", "http://127.0.0.1:8081/", HostPort("127.0.0.1", 8081)),
    ("workers", "4", 4),
    ("pace", "recorded", 1.0),
    ("pace", "0.5", 2.0),
    ("pace", 0, 0.0),
    ("idle_timeout", "1.5", 1.5),
    ("upstream_ca", "~/ca.pem", Path.home() / "ca.pem"),
    ("upstream_proxy", "direct", "direct"),
    ("upstream_proxy", "p:3128", "http://p:3128"),
    ("upstream_proxy", "https://u:p@h", "https://u:p@h"),
    ("client_certificates", ["a.test=/a.pem"], {"a.test": (Path("/a.pem"), None)}),
    (
        "client_certificates",
        {"*.a.test": "/a.pem,/k.pem"},
        {"*.a.test": (Path("/a.pem"), Path("/k.pem"))},
    ),
    ("upstream", ["a=http://h:1/", "b.c=https://x"], {"a": "http://h:1", "b.c": "https://x"}),
    ("upstream", {"a": "http://h"}, {"a": "http://h"}),
    ("ignore", ("*.local",), ("*.local",)),
    ("correlation", ["traceparent", "dashcam-run"], ("traceparent", "dashcam-run")),
    ("redaction.pii", "yes", True),
]


@pytest.mark.parametrize(("name", "written", "read"), VALUES)
def test_values(name: str, written: Any, read: Any) -> None:
    assert load({name: written}, {}).value(name) == read


def test_lists_in_variables_are_separated_by_commas() -> None:
    env = {
        "DASHCAM_IGNORE": "a.com, *.b.com,",
        "DASHCAM_UPSTREAM": "x=http://a,y=http://b?q=1",
        "DASHCAM_REDACTION_HEADERS": "x-a",
        "DASHCAM_CLIENT_CERTIFICATES": "a.test=/a.pem,/k.pem,b.test=/b.pem",
    }
    settings = load({}, env)
    assert settings.ignore == ("a.com", "*.b.com")
    assert settings.upstream == {"x": "http://a", "y": "http://b?q=1"}
    assert settings.redaction.headers == ("x-a",)
    assert settings.client_certificates == {
        "a.test": (Path("/a.pem"), Path("/k.pem")),
        "b.test": (Path("/b.pem"), None),
    }


def test_tables_in_the_file(empty_folder: Path) -> None:
    (empty_folder / "dashcam.toml").write_text(
        '[redaction]\npii = true\n[upstream]\n"crm.local" = "http://127.0.0.1:9"\n'
    )
    settings = load({}, {})
    assert settings.redaction.pii is True
    assert settings.upstream == {"crm.local": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("listen", "host"),
        ("listen", "1.2.3.4:99999"),
        ("listen", "1.2.3.4:80/path"),
        ("workers", 0),
        ("workers", True),
        ("workers", "two"),
        ("workers", 1.5),
        ("idle_timeout", -1),
        ("idle_timeout", "inf"),
        ("idle_timeout", "nan"),
        ("pace", "fast"),
        ("durability", "eventually"),
        ("match", 3),
        ("store", ""),
        ("ignore", "one"),
        ("ignore", [1]),
        ("upstream", ["nourl"]),
        ("upstream", ["a=ftp://x"]),
        ("upstream", 5),
        ("correlation", ["luck"]),
        ("redaction.pii", "maybe"),
        ("upstream_ca", 4),
        ("upstream_proxy", "socks5://h:1"),
        ("upstream_proxy", "http://h:99999"),
        ("upstream_proxy", "http://"),
        ("client_certificates", "a.test=a.pem"),
        ("client_certificates", ["a.pem"]),
        ("client_certificates", ["a.test="]),
    ],
)
def test_a_bad_value_is_a_config_error_that_says_what_is_allowed(name: str, written: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: written}, {})
    kind = next(setting.kind for setting in SETTINGS if setting.name == name)
    assert caught.value.message == f"the command line: {name} cannot be {written!r}"
    assert caught.value.hint == f"it takes {kind.words}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("workers = 0", "dashcam.toml: workers cannot be 0", "it takes a whole number from 1 up"),
        (
            "[redaction]\npii = 3",
            "dashcam.toml: redaction.pii cannot be 3",
            "it takes true or false",
        ),
        ("lable = 1", "dashcam.toml: there is no setting lable", "did you mean label?"),
        ("[zz]\nqq = 1", "dashcam.toml: there is no setting zz.qq", "`dashcam config` lists all"),
        ("= 1", "dashcam.toml is not valid TOML", None),
    ],
)
def test_a_bad_file_is_named(empty_folder: Path, text: str, message: str, hint: str | None) -> None:
    (empty_folder / "dashcam.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load({}, {})
    assert caught.value.message.startswith(message)
    assert (caught.value.hint or "").startswith(hint or "")


def test_a_file_that_was_asked_for_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"no\.toml cannot be read: No such file"):
        load({}, {}, Path("no.toml"))


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="DASHCAM_WORKERS cannot be 'x'"):
        load({}, {"DASHCAM_WORKERS": "x"})


def test_the_table_and_the_values_have_the_same_names() -> None:
    named = {setting.name for setting in SETTINGS}
    fields = {field.name for field in dataclasses.fields(Settings)} - {"origins"}
    tables = {"redaction": Redaction, "schemas": Schemas}
    fields -= tables.keys()
    inner = {
        f"{table}.{field.name}" for table, of in tables.items() for field in dataclasses.fields(of)
    }
    assert named == fields | inner
    assert len({setting.env for setting in SETTINGS}) == len(SETTINGS)


def test_the_record_of_a_replay_is_lossy_unless_told_otherwise() -> None:
    assert load({}, {}).of_replay().durability == "fast"
    told = load({}, {"DASHCAM_DURABILITY": "durable"})
    assert told.of_replay().durability == "durable"


def test_what_is_expected_of_labels_and_prices_of_ones_own(empty_folder: Path) -> None:
    Path("reply.json").write_text('{"type": "object"}')
    Path("dashcam.toml").write_text(
        """
        [labels.Support]
        max_length = 9
        schema = "reply.json"
        before = { refund = ["verify"] }
        [prices."openai/gpt-4o*"]
        input = 2
        output = 0.5
        """
    )
    settings = load({}, {})
    assert settings.labels == {
        "Support": {"max_length": 9, "schema": {"type": "object"}, "before": {"refund": ["verify"]}}
    }
    assert settings.prices == {"openai/gpt-4o*": {"input": 2.0, "output": 0.5}}
    told = {"DASHCAM_LABELS": '{"*": {"citations": true}}', "DASHCAM_PRICES": '{"m": {"input": 0}}'}
    assert load({}, told).labels == {"*": {"citations": True}}
    assert load({}, told).prices == {"m": {"input": 0.0}}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("prices", {"m": {"inputs": 1}}),
        ("prices", {"m": {"input": -1}}),
        ("prices", {"m": {}}),
        ("prices", {"m": 3}),
        ("labels", {"A": {"schema": "nowhere.json"}}),
        ("labels", {"A": {"max_lenght": 1}}),
        ("labels", {"A": 1}),
        ("labels", "{"),
    ],
)
def test_tables_that_cannot_be_used(name: str, written: Any) -> None:
    with pytest.raises(ConfigError):
        load({name: written}, {})
