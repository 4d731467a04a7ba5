"""The API's document (OpenAPI 3.1): what several routes share stands once, under ``components``."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from serve.http.problem_kinds import kind_of
from serve.http.problems import MEDIA_TYPE, Fault, Problem
from serve.http.responses import ID, Schema

Node = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"
_NAMED = re.compile(r'"#/components/schemas/(\w+)"')
PREFIXES = re.compile("^(Attrition|RateLimit)-")  # which the names of headers have, but not those in here
SHORT = 75  # characters, below which a field is not worth a reference
TAGS = {
    "customers": "Risk, reasons, decision and opt-out of customers.",
    "contacts": "Outcomes of calls and feedback on alerts, sent by a CRM or fetched back.",
    "managers": "The lists of customers to call this week.",
    "branches": "Branches and what is at stake in them.",
    "campaigns": "Audiences by rule that a second person approves, and what they achieved.",
    "runs": "The weekly runs, their models, and what was published when.",
    "exports": "Scores in bulk, whole or as changes since an earlier run.",
    "probes": "Whether the service is alive and ready. They need no token.",
}
ABOUT = {
    "description": "Scores are published once a week, and answered as published. Answers may get more "
    "fields. Once a token is accepted, all have the RateLimit headers that are declared of 4XX, and where "
    "the run is old Attrition-Warning; each can be a 503, as declared of /readyz. An answer to GET with an "
    "ETag is a 304 without a body to who sends that as If-None-Match.",
    "contact": {"name": "Whoever runs the service in the bank"},
    "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
}
_HEADERS = {
    "Attrition-Snapshot-Date": "The Monday that the rows hold for.",
    "Attrition-Run": "The run of the rows: `since` of the next delta.",
    "Attrition-Model": "The model that scored.",
    "Attrition-Warning": "Sent when the run is older than it should be.",
    "Content-Disposition": "A file name for the rows.",
    "RateLimit-Policy": "The caller's rate: q requests in w seconds.",
    "RateLimit": "What is left of it: r requests, for t seconds.",
    "Retry-After": "Seconds to wait before the next try.",
    "WWW-Authenticate": "The scheme of the token that is missing.",
    "Accept": "The content type that the body has to have.",
}
_RATE = ("RateLimit-Policy", "RateLimit")
# Of what is refused before a route begins, alike everywhere.
COMMON = ("400", "401", "403", "406", "408", "413", "415", "422", "429", "431")
_REFUSED = "Refused before the route begins; /problems has each kind: " + ", ".join(
    f"{status} {kind_of(int(status), '').title.lower()}" for status in COMMON
)
_BY_STATUS = {
    "4XX": ("WWW-Authenticate", "Accept", "Retry-After", *_RATE),
    "503": ("Retry-After",),
}
_OF_EXPORTS = (
    "Attrition-Warning",
    "Attrition-Snapshot-Date",
    "Attrition-Run",
    "Attrition-Model",
    "Content-Disposition",
)


class DocumentedApp(FastAPI):
    """An app whose document is short, and is made when it is first asked for."""

    def openapi(self) -> Node:
        if self.openapi_schema is None:
            server = self.state.settings.prefix or "/"
            self.openapi_schema = compact(super().openapi()) | {"servers": [{"url": server}]}
        return self.openapi_schema


def compact(document: Node) -> Node:
    """The same document with what is shared under ``components``, and the headers of answers declared."""
    components = document["components"]
    schemas = components["schemas"] | {model.__name__: _schema_of(model) for model in (Problem, Fault)}
    components["schemas"] = {name: _schema(content) for name, content in schemas.items()}
    components["headers"] = {
        PREFIXES.sub("", name): {"description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS.items()
    }
    operations = list(_operations(document))
    for path, _, operation in operations:
        _shorten(operation)
        operation["responses"] = _joined(operation["responses"])
        _declare_headers(path, operation)
    alone = [operation for *_, operation in operations]
    components["responses"] = dict(_share_errors(alone)) | dict(_share_answers(alone))
    components["parameters"] = dict(_share_parameters(alone))
    sent = set(_NAMED.findall(_text([operation.get("requestBody") for operation in alone])))
    components["schemas"] = _inherited(components["schemas"], sent) | {
        "ID": {"type": "string", "pattern": ID}
    }
    components["schemas"] |= dict(_share_fields(components["schemas"]))
    used = {tag for operation in alone for tag in operation["tags"]}
    tags = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    return document | {"info": document["info"] | ABOUT, "tags": tags, "security": [{"HTTPBearer": []}]}


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    """Path, method and content of each."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _schema(schema: Any) -> Any:
    """A schema without titles that repeat its names, null as a type, and bounds without a point."""
    if isinstance(schema, float) and schema.is_integer():
        return int(schema)
    if not isinstance(schema, dict):
        return schema
    short = {
        name: _schema(content) if isinstance(content, float) else content
        for name, content in schema.items()
        if name != "title" and content is not None
    }
    if isinstance(text := short.get("description"), str):
        short["description"] = text.partition("\n\n")[0]  # the rest is for who reads the code
    if "properties" in short:
        short["properties"] = {name: _schema(content) for name, content in short["properties"].items()}
    for name in {"items", "additionalProperties"} & set(short):
        short[name] = _schema(short[name])
    for name in {"anyOf", "oneOf"} & set(short):
        short[name] = [_schema(content) for content in short[name]]
    if short.get("type") == "string" and short.get("pattern") == ID:
        del short["type"], short["pattern"]
        short["$ref"] = REFERENCE.format(model="ID")
    match short.get("anyOf"):
        case [{"type": str(kind), **rest}, {"type": "null"}] if not {"enum", "const"} & set(rest):
            del short["anyOf"]
            short = {"type": [kind, "null"]} | rest | short
    return short


def _shorten(operation: Node) -> None:
    """Leaves out what all routes share; that they need a token stands once, for all.

    FastAPI's summary repeats the operationId.
    """
    operation.pop("summary", None)
    if operation.pop("security", None) is None:
        operation["security"] = []
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _present(_schema(parameter["schema"]))
        parameter["schema"].pop("description", None)
        if not parameter["required"]:
            del parameter["required"]
    for response in operation["responses"].values():
        if response["description"] == "Successful Response":
            response["description"] = "OK"
        for kind, content in response.get("content", {}).items():
            content["schema"] = _schema(content["schema"])
            if not content.get("examples", True):
                del content["examples"]
            if kind == MEDIA_TYPE:
                content["schema"] = {"$ref": "#/components/schemas/Problem"}


def _present(schema: Node) -> Node:
    """The schema of a parameter that is there: one that is optional is left out, never null."""
    match schema:
        case {"anyOf": [content, {"type": "null"}], **rest}:
            return content | rest
        case {"type": [kind, "null"], **rest}:
            return {"type": kind} | rest
    return schema


def _joined(responses: Node) -> Node:
    """The responses of a route, with one in place of all that every route behind a token refuses alike.

    That each of them can be a 304 or a 503 the document says at its head.
    """
    refused = next((responses[status] for status in ("422", *COMMON) if status in responses), None)
    left_out = {*COMMON, "304"} | ({"503"} if refused else set())
    others = {status: response for status, response in responses.items() if status not in left_out}
    return others | ({"4XX": refused | {"description": _REFUSED}} if refused else {})


def _declare_headers(path: str, operation: Node) -> None:
    for status, response in operation["responses"].items():
        names: tuple[str, ...] = _BY_STATUS.get(status, ())
        if status == "200":
            names = _OF_EXPORTS if "/exports/" in path else ()
        if names:
            response["headers"] = {
                name: {"$ref": f"#/components/headers/{PREFIXES.sub('', name)}"} for name in names
            }


def _share_errors(operations: Iterable[Node]) -> Iterator[tuple[str, Node]]:
    """Errors, by status; in their place stands a reference.

    The description of a status names all its kinds, of which /problems has the words; so the example of one
    that tells of places in the request is enough.
    """
    titles: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for operation in operations:
        for status, response in operation["responses"].items():
            if status < "304":
                continue
            operation["responses"][status] = {"$ref": f"#/components/responses/{status}"}
            problem = response.get("content", {}).get(MEDIA_TYPE, {})
            if problem and not problem["example"].get("errors"):
                del problem["example"]
            titles[status][response["description"]] = None
            yield status, response | {"description": "; ".join(titles[status])}


def _share_parameters(operations: Iterable[Node]) -> Iterator[tuple[str, Node]]:
    """Those that two routes have alike."""
    parameters = [operation.get("parameters", []) for operation in operations]
    places = [(str(content["name"]), part, at) for part in parameters for at, content in enumerate(part)]
    yield from _shared(places, "parameters")


def _share_answers(operations: Iterable[Node]) -> Iterator[tuple[str, Node]]:
    """Those that two routes have alike."""
    places = [
        (operation["operationId"], operation["responses"], status)
        for operation in operations
        for status in operation["responses"]
        if status < "300"
    ]
    yield from _shared(places, "responses")


def _inherited(schemas: Node, sent: set[str]) -> Node:
    """The schemas, and those that they are made of: what a model has from another stands there alone.

    Those that callers ``sent``, and what they hold, are closed; answers may get more fields.
    """
    models = {model.__name__: model for model in _heirs(Schema)}
    names = list(schemas)
    for name in names:  # which grow meanwhile
        names += [base.__name__ for base in _bases(models.get(name)) if base.__name__ not in names]
    whole = {name: schemas[name] if name in schemas else _schema_of(models[name]) for name in names}
    shared = {base.__name__ for name in names for base in _bases(models.get(name))}
    closed = list(sent)
    for name in closed:
        closed += [
            part for part in _NAMED.findall(_text(whole[name])) if part in whole and part not in closed
        ]
    return {
        name: _own(whole[name], models.get(name), name in closed and name not in shared)
        for name in sorted(names)
    }


def _heirs(model: type[Schema]) -> Iterator[type[Schema]]:
    for heir in model.__subclasses__():
        yield heir
        yield from _heirs(heir)


def _bases(model: type[Schema] | None) -> list[type[Schema]]:
    return (
        [base for base in model.__bases__ if issubclass(base, Schema) and base is not Schema] if model else []
    )


def _schema_of(model: type[BaseModel]) -> Node:
    schema = _schema(model.model_json_schema(ref_template=REFERENCE, mode="serialization"))
    return {name: content for name, content in schema.items() if name != "$defs"}


def _own(schema: Node, model: type[Schema] | None, closed: bool) -> Node:
    """The fields that a model adds to its bases. One that others add to is not ``closed``, so that they
    may."""
    bases = _bases(model)
    if model and bases:
        declared = {field for base in bases for field in base.model_fields} - set(model.__annotations__)
        schema |= {
            "allOf": [{"$ref": REFERENCE.format(model=base.__name__)} for base in bases],
            "properties": {name: part for name, part in schema["properties"].items() if name not in declared},
            "required": [name for name in schema.get("required", ()) if name not in declared],
            "unevaluatedProperties": False,
        }
    left_out = {"additionalProperties", "type"} if bases else set()  # the type is that of the bases
    left_out |= set() if closed else {"unevaluatedProperties"}
    left_out |= (
        {"additionalProperties"} if not closed and schema.get("additionalProperties") is False else set()
    )
    left_out |= {name for name, part in schema.items() if part in ([], {})}
    return {name: part for name, part in schema.items() if name not in left_out}


def _share_fields(schemas: Node) -> Iterator[tuple[str, Node]]:
    """Long ones that two models have alike."""
    fields = [schema.get("properties", {}) for schema in schemas.values()]
    places = [(name, part, name) for part in fields for name in part if len(_text(part[name])) > SHORT]
    yield from _shared(places, "schemas")


def _shared(places: list[tuple[str, Any, Any]], kind: str) -> Iterator[tuple[str, Node]]:
    """The parts that two places share, by the name of the first; a reference is left in each of them.

    A place is a name, a container and a key or position in it.
    """
    times = Counter(_text(container[at]) for _, container, at in places)
    names: dict[str, str] = {}
    for name, container, at in sorted(places, key=lambda place: -times[_text(place[1][place[2]])]):
        content, text = container[at], _text(container[at])
        if times[text] < 2:
            continue
        if text not in names and name not in names.values():
            names[text] = name
            yield name, content
        if text in names:
            container[at] = {"$ref": f"#/components/{kind}/{names[text]}"}


def _text(node: Any) -> str:
    return json.dumps(node, sort_keys=True)
