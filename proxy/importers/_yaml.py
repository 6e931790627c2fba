"""YAML with the safe constructor of ruamel.yaml, imported when there is some to be read.

No tags but those of plain values (and what Python 2 wrote for text), no merge keys, which can grow
without bounds.
"""

from typing import Any, NoReturn, override

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode
from ruamel.yaml.scanner import Scanner

from proxy.errors import RecordingFormatError

MAX_DEPTH = 200
_OLD_TEXT = ("tag:yaml.org,2002:python/unicode", "tag:yaml.org,2002:python/str")


class _Scanner(Scanner):
    """Gives up on deep nesting, for which its time grows with the square."""

    @override
    def fetch_more_tokens(self) -> Any:
        if len(self.flow_context) + len(self.indents) > MAX_DEPTH:
            raise RecordingFormatError(f"nested deeper than {MAX_DEPTH} levels")
        return super().fetch_more_tokens()


class _Constructor(SafeConstructor):
    @override
    def flatten_mapping(self, node: MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise RecordingFormatError("merge keys are not read from cassettes")

    def construct_text(self, node: ScalarNode) -> str:
        return str(self.construct_scalar(node))


for _tag in _OLD_TEXT:
    _Constructor.add_constructor(_tag, _Constructor.construct_text)


def load(data: bytes) -> Any:
    """The document. Raises RecordingFormatError."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor, yaml.Scanner = _Constructor, _Scanner
    try:
        return yaml.load(data)
    except MarkedYAMLError as why:
        mark = why.problem_mark or why.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise RecordingFormatError(f"{where}not YAML: {why.problem or why.context}") from None
    except (YAMLError, ValueError) as why:
        _broken(why)


def _broken(why: Exception) -> NoReturn:
    raise RecordingFormatError(f"not YAML: {why}") from None
