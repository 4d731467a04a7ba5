"""Pages of the site made from the code: settings, tables, API, commands, decisions (a mkdocs hook)."""

import ast
import re
import secrets
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import SecretStr

from configs.branch_figures.contents import CONTENT_NAMES
from configs.service import ServiceSettings
from configs.settings import Settings
from configs.tables import TABLES
from pipeline.__main__ import app
from serve.app import create_app
from serve.http.problem_kinds import KINDS
from serve.store.tables import access_metadata, metadata

ROOT = Path(__file__).resolve().parent.parent
WIDE = ("features.md", "glossary.md", "rooms.md")
DEFAULTS = ROOT / "configs" / "default.toml"
FILTER = '<input class="filter" type="search" placeholder="outflow, 13w, 到期 …" aria-label="Filter rows">'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the site with one more page for each reference."""
    pages = {
        "reference/settings.md": settings_page(),
        "reference/tables.md": tables_page(),
        "reference/store.md": store_page(),
        "reference/api.md": api_page(),
        "reference/figures.md": figures_page(),
        "reference/commands.md": commands_page(),
        "reference/python.md": python_page(),
        "decisions/index.md": decisions_page(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The page of features with a box above its tables that filters their rows."""
    if page.file.src_uri != "features.md":
        return markdown
    head, families = markdown.split("\n| family |", 1)
    return f"{head}\n{FILTER}\n\n| family |{families}"


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """The page with its wide tables marked, for cards on a telephone; code may break after a slash."""
    if page.file.src_uri in WIDE or page.file.src_uri.startswith("reference/"):
        html = html.replace("<table>", '<div class="cards"><table>').replace("</table>", "</table></div>")
        return re.sub(r"(?<=<code>)[^<]+", lambda code: re.sub(r"(?<=[/_])(?=\w)", "<wbr>", code[0]), html)
    return html


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; a bar inside of a cell is escaped."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


# --- settings ---------------------------------------------------------------------------------------------


def comments() -> dict[str, str]:
    """The comment of each key and each heading of default.toml, by its dotted name."""
    found, section = {}, ""
    for line in DEFAULTS.read_text("utf-8").splitlines():
        heading = re.match(r"\[([\w.]+)\]\s*(?:#\s*(.*))?", line)
        key = re.match(r"(\w+)\s*=.*?(?:#\s*(.*))?$", re.sub(r'"[^"]*"', '""', line))
        if heading:
            section = heading[1]
            found[section] = heading[2] or ""
        elif key:
            found[f"{section}.{key[1]}".lstrip(".")] = key[2] or ""
        elif made := re.match(r"# (\w+): (.*)", line):  # of a key that is made from others
            found[f"{section}.{made[1]}"] = made[2]
    return found


def allowed(field: dict[str, Any]) -> str:
    """The values that a key takes, in words."""
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    words = {
        "array": "list",
        "object": "table",
        "integer": "whole number",
        "string": "text",
        "boolean": "true or false",
    }
    kind = words.get(field.get("type", ""), field.get("type", "table"))
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[name]}" for name, sign in bounds.items() if name in field]
    return " ".join((kind, ", ".join(limits))).strip()


def first_sentence(text: str) -> str:
    """A docstring's first paragraph in Markdown."""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")


def shown(value: object) -> str:
    """A default as TOML writes it; long ones are left to the file."""
    if value is None or isinstance(value, dict):
        return ""
    text = (
        str(value).lower()
        if isinstance(value, bool)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )
    return f"`{text}`" if len(text) <= 40 else "see the file"


def settings_page() -> str:
    schema = Settings.model_json_schema()
    defaults, notes = tomllib.loads(DEFAULTS.read_text("utf-8")), comments()
    parts = [
        "# Settings\n\nA bank sets these keys in `configs/banks/<bank>/bank.toml`. The defaults stand in "
        "`configs/default.toml`. An unknown key is an error that names the nearest known one. "
        "This page is made from both and from `configs/settings.py`.",
        "## Keys of the bank",
        table(
            ("key", "value", "default", "meaning"),
            _setting_rows(schema["properties"], schema, defaults, notes, ""),
        ),
    ]
    for name, field in schema["properties"].items():
        inner = _definition(field, schema)
        if inner is None:
            continue
        title = (
            f"`[{name}]`"
            if "$ref" in field
            else f"`[[{name}]]`"
            if field.get("type") == "array"
            else f"`[{name}.<name>]`"
        )
        parts.append(
            f"## {title}\n\n{first_sentence(inner.get('description', ''))} {notes.get(name, '').capitalize()}"
        )
        values = defaults.get(name, {})
        rows = _setting_rows(
            inner["properties"], schema, values if isinstance(values, dict) else {}, notes, name
        )
        parts.append(table(("key", "value", "default", "meaning"), rows))
        for key, below in inner["properties"].items():
            deeper = _definition(below, schema)
            if deeper is not None:
                head = f"[[{name}.{key}]]" if below.get("type") == "array" else f"[{name}.{key}]"
                parts.append(f"### `{head}`\n\n{first_sentence(deeper.get('description', ''))}")
                parts.append(
                    table(
                        ("key", "value", "default"),
                        (
                            (f"`{k}`", allowed(f), shown(f.get("default")))
                            for k, f in deeper["properties"].items()
                        ),
                    )
                )
            elif isinstance(values, dict) and isinstance(values.get(key), dict) and values[key]:
                parts.append(f"### `[{name}.{key}]`\n\n{notes.get(f'{name}.{key}', '').capitalize()}")
                parts.append(
                    table(
                        ("key", "default", "meaning"),
                        (
                            (f"`{k}`", shown(v), notes.get(f"{name}.{key}.{k}", ""))
                            for k, v in values[key].items()
                        ),
                    )
                )
    parts.append(environment())
    return "\n\n".join(parts)


def _definition(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The model below a key, if it has one."""
    inner = field.get("items") if field.get("type") == "array" else field
    inner = inner.get("additionalProperties", inner) if isinstance(inner, dict) else inner
    inner = inner["anyOf"][0] if isinstance(inner, dict) and "anyOf" in inner else inner
    reference = inner.get("$ref") if isinstance(inner, dict) else None
    return schema["$defs"][reference.rsplit("/", 1)[-1]] if reference else None


def _setting_rows(
    fields: dict[str, Any],
    schema: dict[str, Any],
    defaults: dict[str, Any],
    notes: dict[str, str],
    section: str,
) -> Iterator[tuple[str, ...]]:
    for key, field in fields.items():
        if _definition(field, schema) is None and key != "bank":
            name = f"{section}.{key}".lstrip(".")
            default = defaults.get(key, field.get("default"))
            yield f"`{key}`", allowed(field), shown(default), notes.get(name, "")


def environment() -> str:
    source = (ROOT / "configs/service.py").read_text("utf-8")
    rows = []
    for name, field in ServiceSettings.model_fields.items():
        note = re.search(rf"^    {name}: .*?  # (.*)$", source, re.MULTILINE)
        default = "" if isinstance(field.default, SecretStr) else shown(field.default)
        rows.append((f"`ATTRITION_{name.upper()}`", default, note[1] if note else ""))
    return "\n\n".join(
        (
            "## Environment of the service\n\nThe service reads these variables once, when it starts.",
            table(("variable", "default", "meaning"), rows),
        )
    )


# --- tables -----------------------------------------------------------------------------------------------


def tables_page() -> str:
    parts = [
        "# Tables of a bank\n\nA bank delivers these tables by one SELECT each. The contracts stand in "
        "`configs/tables.py`; ingest, tests and this page read them there. Required are "
        + " and ".join(f"`{name}`" for name, contract in TABLES.items() if contract.needed)
        + ", and `holdings` where a bank counts money."
    ]
    for name, contract in TABLES.items():
        parts.append(
            f"## {name}\n\nOne row per {contract.one_row_per}. Key: "
            + ", ".join(f"`{column}`" for column in contract.key)
            + "."
        )
        parts.append(
            table(
                ("column", "type", "meaning", "required", "sensitivity"),
                (
                    (
                        f"`{column.name}`",
                        column.type,
                        column.about + _values(column.allowed),
                        "yes" if column.required else f"no: `{column.default}`" if column.default else "no",
                        column.sensitivity,
                    )
                    for column in contract.columns
                ),
            )
        )
    return "\n\n".join(parts)


def _values(labels: Iterable[str]) -> str:
    words = ", ".join(f"`{label}`" for label in labels)
    return f": {words}" if words else ""


def store_page() -> str:
    parts = [
        "# Tables of the score store\n\nThe weekly run publishes into these tables. Money is in minor units "
        "(1/100). `serve/store/tables.py` declares them for SQLite and PostgreSQL. The access log "
        "lies beside the store: it has `audit` and `audit_head` of its own, and "
        f"{', '.join(f'`{name}`' for name in access_metadata.tables)}."
    ]
    for name, stored in {**metadata.tables, **access_metadata.tables}.items():
        parts.append(f"## {name}\n\nOne row per {stored.info.get('one_row_per', '')}.")
        parts.append(
            table(
                ("column", "type", "meaning", "sensitivity"),
                (
                    (
                        f"`{column.name}`" + (" (key)" if column.primary_key else ""),
                        type(column.type).__name__,
                        column.doc or "",
                        column.info.get("sensitivity", ""),
                    )
                    for column in stored.columns
                ),
            )
        )
    return "\n\n".join(parts)


def figures_page() -> str:
    """The contents of branches' figures: each dataclass with its fields and their comments."""
    parts = [
        "# Figures of branches\n\nWhat a run publishes of each branch and of the bank, by content. The API "
        "writes a field that ends in `_minor` as an amount without that ending. `configs/branch_figures/` "
        "declares them."
    ]
    for name in CONTENT_NAMES:
        path = ROOT / f"configs/branch_figures/{name}.py"
        if not path.exists():
            continue
        tree, lines = ast.parse(path.read_text("utf-8")), path.read_text("utf-8").splitlines()
        parts.append(f"## {name}\n\n{first_sentence(ast.get_docstring(tree) or '')}")
        for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            fields = (node for node in kind.body if isinstance(node, ast.AnnAssign))
            rows = (
                (
                    f"`{ast.unparse(field.target)}`",
                    f"`{ast.unparse(field.annotation)}`",
                    lines[(field.end_lineno or 1) - 1].partition("  # ")[2],
                )
                for field in fields
            )
            parts.append(f"### {kind.name}\n\n{first_sentence(ast.get_docstring(kind) or '')}")
            parts.append(table(("field", "type", "meaning"), rows))
    return "\n\n".join(parts)


# --- API --------------------------------------------------------------------------------------------------


def openapi() -> dict[str, Any]:
    """The OpenAPI document of a service with keys of its own and an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        key = SecretStr(secrets.token_hex(32))
        service = ServiceSettings(
            store=f"sqlite:///{folder}/store.db",
            demo=True,
            token_jwks="",
            token_issuer="",
            token_key=key,
            audit_key=SecretStr(secrets.token_hex(32)),
        )
        return create_app(service).openapi()


def api_page() -> str:
    document = openapi()
    parts = [
        "# HTTP API\n\nThe running service answers the same document at `/openapi.json`, with examples. "
        "[The API from a CRM](../api.md) shows requests and answers."
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.extend(_operation(path, method.upper(), operation, document))
    parts.append("# Schemas")
    for name, schema in sorted(document["components"]["schemas"].items()):
        if not name[0].isupper():  # a field that several schemas have
            continue
        parts.append(f"## {name}\n\n{first_sentence(schema.get('description', ''))}")
        if "allOf" in schema:
            bases = " and ".join(_type(base) for base in schema["allOf"])
            parts.append(f"It has the fields of {bases} too.")
        if schema.get("properties"):
            parts.append(
                table(
                    ("field", "type", "meaning"),
                    (
                        (f"`{field}`", _type(value), value.get("description", ""))
                        for field, value in (
                            (field, _field(value, document)) for field, value in schema["properties"].items()
                        )
                    ),
                )
            )
    parts.append("## Problems\n\nThe `type` of an error answer, and what each kind means.")
    kinds = ((f"`{kind.type}`", str(kind.status), kind.cause, kind.remedy) for kind in KINDS.values())
    parts.append(table(("type", "status", "cause", "remedy"), kinds))
    return "\n\n".join(parts).replace("\n\n# Schemas", "\n\n## Schemas")


def _resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for, or the part itself."""
    for name in part.get("$ref", "#").split("/")[1:]:
        document = document[name]
    return document if "$ref" in part else part


def _field(field: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """A field that is written out elsewhere; a reference to a schema stays one."""
    shared = "$ref" in field and not field["$ref"].rpartition("/")[2][0].isupper()
    return _resolved(field, document) if shared else field


def _operation(path: str, method: str, operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield f"## `{method} {path}`\n\n{operation['description']}"
    parameters = [_resolved(parameter, document) for parameter in operation.get("parameters", [])]
    if parameters:
        yield table(
            ("parameter", "in", "type", "meaning"),
            (
                (f"`{one['name']}`", one["in"], _type(one.get("schema", {})), one.get("description", ""))
                for one in parameters
            ),
        )
    yield table(
        ("status", "meaning", "body"),
        (
            (status, answer.get("description", ""), _body(answer))
            for status, answer in (
                (status, _resolved(answer, document)) for status, answer in operation["responses"].items()
            )
        ),
    )


def _body(answer: dict[str, Any]) -> str:
    return ", ".join(
        f"{kind} {_type(content.get('schema', {}))}".strip()
        for kind, content in answer.get("content", {}).items()
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(choice) for choice in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if isinstance(schema.get("type"), list):
        return " or ".join(_type(schema | {"type": kind}) for kind in schema["type"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type") or ""
    return str(kind if kind == "null" else schema.get("format") or kind)


# --- commands, Python, decisions --------------------------------------------------------------------------


def commands_page() -> str:
    verbs = re.findall(r"^([a-z-]+):.*?## (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    parts = [
        "# Commands and make verbs\n\n`make` lists the verbs. Each verb sets up the environment first, then "
        "calls one command.",
        "## Make verbs",
        table(("verb", "result (variables)"), ((f"`make {verb}`", about) for verb, about in verbs)),
        "## Commands\n\nRun them as `python -m pipeline <command>` from the root of the project.",
    ]
    for name, command in sorted(typer.main.get_command(app).commands.items()):  # type: ignore[attr-defined]
        if command.hidden:
            continue
        parts.append(f"### {name}\n\n{first_sentence(command.help or '')}")
        options = [
            (
                " ".join(f"`{flag}`" for flag in option.opts),
                _default(option),
                getattr(option, "help", "") or "",
            )
            for option in command.params
        ]
        if options:
            parts.append(table(("option", "default", "meaning"), options))
    return "\n\n".join(parts)


def _default(option: Any) -> str:
    if option.required:
        return "required"
    return f"`{option.default}`" if option.default not in (None, "", ()) else ""


def python_page() -> str:
    return "\n\n".join(
        (
            "# Python\n\nTwo objects are for use from other programs.",
            "::: pipeline.evaluation.research.dataset",
            "::: serve.client",
        )
    )


def decisions_page() -> str:
    rows = []
    for path in sorted((ROOT / "docs/decisions").glob("0*.md")):
        title, _, rest = path.read_text("utf-8").partition("\n")
        number, _, name = title.removeprefix("# ").partition(". ")
        rows.append((number, f"[{name}]({path.name})", rest.strip().split("\n")[0]))
    return "\n\n".join(
        (
            "# Decisions\n\nEach record states the context, the decision, its figures and its consequence.",
            table(("no.", "decision", "date"), rows),
        )
    )
