"""OpenAPI 3.0, 3.1 and Swagger 2.0 documents as declared schemas, one for each operation.

References inside the document are followed; one to another file stays, and is told as unchecked.
https://spec.openapis.org/oas/v3.1.1, https://spec.openapis.org/oas/v2.0
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from proxy.core import loose
from proxy.core.schemas.declared import MODES, OBSERVE, Declared, Route, segments
from proxy.core.validators._cost import pointed

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MODE: Final = "x-dashcam-mode"
_DRAFT_4: Final = "http://json-schema.org/draft-04/schema#"  # 3.0 and 2.0 are made of it
_HIDDEN: Final = {"request": "readOnly", "response": "writeOnly"}
_MOST: Final = 5000  # operations, and schemas that one operation refers to
_MAPS: Final = frozenset(("properties", "patternProperties", "$defs", "definitions"))
_LISTS: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_INNER: Final = frozenset(("items", "additionalProperties", "not", "if", "then", "else"))
_DROPPED: Final = frozenset(("nullable", "example", "xml", "externalDocs", "discriminator"))


def is_document(document: Mapping[str, Any]) -> bool:
    """Whether it is an OpenAPI or Swagger document."""
    return any(isinstance(document.get(key), str) for key in ("openapi", "swagger"))


def read(document: Mapping[str, Any], source: str, host: str | None = None) -> tuple[Declared, ...]:
    """One declared schema an operation and server.

    Raises:
        ValueError: No server says which host it is of, and `host` is not given.
    """
    found = _Reader(document, source).operations(host)
    return tuple(one for one, _ in zip(found, range(_MOST), strict=False))


class _Reader:
    def __init__(self, document: Mapping[str, Any], source: str) -> None:
        self._document = document
        self._source = source
        version = str(document.get("openapi") or document.get("swagger"))
        self._old = version.startswith(("2.", "3.0"))
        self._swagger = version.startswith("2.")

    def operations(self, host: str | None) -> Iterator[Declared]:
        mode = _mode(self._document, OBSERVE)
        for path, given in loose.obj(self._document.get("paths")).items():
            item = loose.obj(self._resolved(given))
            common = self._parameters(item)
            for method in _METHODS:
                operation = item.get(method)
                if isinstance(operation, dict):
                    strict = _mode(operation, _mode(item, mode))
                    parameters = {**common, **self._parameters(operation)}
                    made = self._operation(operation, parameters, strict)
                    for name, base in self._servers(host, operation, item):
                        yield _at(made, method.upper(), name, base, path)

    def _servers(self, host: str | None, *levels: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Host and base path of each server; the innermost level that names some wins."""
        if self._swagger:
            named = host or loose.text(self._document.get("host"))
            base = loose.text(self._document.get("basePath")) or ""
            schemes = [one for one in loose.array(self._document.get("schemes")) if one] or [""]
            urls = [f"{schemes[0]}://{named}{base}"] if named else []
        else:
            lists = (list(loose.objects(one.get("servers"))) for one in (*levels, self._document))
            urls = [_url(server) for server in next(filter(None, lists), [])] or ["/"]
        found: dict[tuple[str, str], None] = {}
        for url in urls:
            parts = urlsplit(url)
            if name := host or parts.netloc.rpartition("@")[2]:
                found[_usual(name.lower(), parts.scheme), parts.path] = None
        if not found:
            raise ValueError("its servers name no host; say HOST=FILE in schemas.openapi")
        yield from found

    def _operation(
        self,
        operation: Mapping[str, Any],
        parameters: Mapping[tuple[str, str], Mapping[str, Any]],
        mode: str,
    ) -> Declared:
        """The operation, wherever it is served."""
        body = self._body(operation, parameters)
        return Declared(
            name=loose.text(operation.get("operationId")) or "",
            source=self._source,
            mode=mode,
            request=None if body is None else self._schema(body[0], "request"),
            body_needed=body is not None and body[1],
            query=self._query(parameters),
            responses=dict(self._responses(operation)),
        )

    def _parameters(self, level: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
        told = (loose.obj(self._resolved(one)) for one in loose.objects(level.get("parameters")))
        return {(str(one.get("in")), str(one.get("name"))): one for one in told}

    def _body(
        self, operation: Mapping[str, Any], parameters: Mapping[tuple[str, str], Mapping[str, Any]]
    ) -> tuple[Any, bool] | None:
        """The schema of the JSON body, and whether there must be one."""
        if self._swagger:
            found = next((one for (at, _), one in parameters.items() if at == "body"), None)
            return None if found is None else (found.get("schema"), found.get("required") is True)
        body = loose.obj(self._resolved(operation.get("requestBody")))
        schema = _json_schema(body)
        return None if schema is None else (schema, body.get("required") is True)

    def _responses(self, operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for status, given in loose.obj(operation.get("responses")).items():
            answer = loose.obj(self._resolved(given))
            schema = answer.get("schema") if self._swagger else _json_schema(answer)
            if schema is not None:
                yield (
                    str(status).upper() if status != "default" else "default",
                    self._schema(schema, "response"),
                )

    def _query(
        self, parameters: Mapping[tuple[str, str], Mapping[str, Any]]
    ) -> Mapping[str, Any] | None:
        """The parameters of the query as one object; None where none is described."""
        told = {name: one for (at, name), one in parameters.items() if at == "query"}
        if not told:
            return None
        needed = [name for name, one in told.items() if one.get("required") is True]
        kinds = {
            name: one if self._swagger else one.get("schema", {}) for name, one in told.items()
        }
        plain = {name: _parameter(kind) if self._swagger else kind for name, kind in kinds.items()}
        schema = {"type": "object", "properties": plain}
        return self._schema(schema | ({"required": needed} if needed else {}), "request")

    def _resolved(self, value: Any) -> Any:
        """What a reference to another part of the document refers to."""
        for _ in range(20):
            ref = value.get("$ref") if isinstance(value, dict) else None
            if not isinstance(ref, str) or not ref.startswith("#"):
                return value
            value = pointed(self._document, ref[1:])
        return None

    def _schema(self, schema: Any, side: str) -> Mapping[str, Any]:
        """A schema that stands alone: what it refers to is in its own `definitions`."""
        moved = _Moved(self._document, side, old=self._old)
        made = moved.of(schema)
        found: dict[str, Any] = made if isinstance(made, dict) else {}
        definitions = moved.definitions()
        if self._old and "$ref" in found:  # in draft 4 nothing counts beside a reference
            found = {"allOf": [found]}
        draft = {"$schema": _DRAFT_4} if self._old else {}
        return {**draft, **found, **({"definitions": definitions} if definitions else {})}


def _at(made: Declared, method: str, host: str, base: str, path: str) -> Declared:
    """An operation on one of its servers."""
    whole = f"{base.rstrip('/')}/{path.lstrip('/')}"
    name = made.name or f"{method} {host}{whole}"
    return replace(made, name=name, route=Route(method, host, segments(whole)))


class _Moved:
    """Schemas of the document with their references turned to `#/definitions/…`."""

    def __init__(self, document: Mapping[str, Any], side: str, *, old: bool) -> None:
        self._document = document
        self._hidden = _HIDDEN[side]
        self._old = old
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []

    def of(self, schema: Any) -> Any:
        """The schema itself; raises RecursionError where it is nested without end."""
        if not isinstance(schema, dict):
            return schema
        made: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _MAPS and isinstance(value, dict):
                made[key] = {name: self.of(inner) for name, inner in value.items()}
            elif key in _LISTS and isinstance(value, list):
                made[key] = [self.of(inner) for inner in value]
            elif key in _INNER:
                made[key] = self.of(value)
            elif key == "$ref" and isinstance(value, str) and value.startswith("#/"):
                made[key] = f"#/definitions/{self._name(value)}"
            elif key not in _DROPPED:
                made[key] = value
        self._without_hidden(made)
        return _or_null(made) if self._old and schema.get("nullable") is True else made

    def definitions(self) -> dict[str, Any]:
        """All that was referred to, and what that refers to."""
        found: dict[str, Any] = {}
        while self._waiting and len(found) < _MOST:
            ref = self._waiting.pop()
            found[self._names[ref]] = self.of(pointed(self._document, ref[1:]))
        return {name: schema for name, schema in found.items() if schema is not None}

    def _name(self, ref: str) -> str:
        if ref not in self._names:
            bare = ref.rpartition("/")[2]
            name = bare if bare not in self._names.values() else f"{bare}-{len(self._names)}"
            self._names[ref] = name
            self._waiting.append(ref)
        return self._names[ref]

    def _without_hidden(self, made: dict[str, Any]) -> None:
        """A field that only the other side sends is not required of this one."""
        needed, fields = made.get("required"), loose.obj(made.get("properties"))
        if not isinstance(needed, list):
            return
        hidden = {name for name, one in fields.items() if loose.obj(one).get(self._hidden) is True}
        if hidden:
            made["required"] = [name for name in needed if name not in hidden]
            if not made["required"]:
                del made["required"]


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        more = {"enum": [*schema["enum"], None]} if isinstance(schema.get("enum"), list) else {}
        return {**schema, "type": [kind, "null"], **more}
    return {"anyOf": [schema, {"type": "null"}]}


def _json_schema(body: Mapping[str, Any]) -> Any:
    """The schema of a body's JSON form, or None."""
    for media, told in loose.obj(body.get("content")).items():
        plain = media.partition(";")[0].strip().lower()
        if plain.endswith(("/json", "+json")) or plain == "*/*":
            return loose.obj(told).get("schema")
    return None


def _parameter(one: Any) -> Mapping[str, Any]:
    """A Swagger parameter as the schema of its value."""
    words = ("name", "in", "required", "description", "collectionFormat", "allowEmptyValue")
    return {key: value for key, value in loose.obj(one).items() if key not in words}


def _url(server: Mapping[str, Any]) -> str:
    """A server's URL with its variables' default values."""
    url = loose.text(server.get("url")) or "/"
    for name, variable in loose.obj(server.get("variables")).items():
        url = url.replace("{" + name + "}", str(loose.obj(variable).get("default", "")))
    return url


def _usual(host: str, scheme: str) -> str:
    """The host without the port that its scheme has anyway."""
    name, _, port = host.rpartition(":")
    return name if port == {"http": "80", "https": "443"}.get(scheme) else host


def _mode(level: Mapping[str, Any], outer: str) -> str:
    found = level.get(_MODE, outer)
    if found not in MODES:
        raise ValueError(f"its {_MODE} is {found!r}, and can be {', '.join(MODES)}")
    return str(found)
