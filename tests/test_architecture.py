"""The arrow of imports, what each package may bring in, and the size of files; nothing is run."""

import ast
import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "configs": set(),
    "features": {"configs"},
    "models": {"configs"},
    "serve": {"configs"},
    "pipeline": {"configs", "features", "models", "serve"},
}
HEAVY = {"lightgbm", "mlflow", "pandas", "polars", "sklearn", "numpy", "numba", "pyarrow", "duckdb"}
# The one function that may load one of these, for those who ask for what only it can do.
LATE = {"serve/api/export_formats.py": ("_parquet", "pyarrow")}
LONGEST_FILE = 350  # lines


def imported(source: str) -> set[str]:
    """The top-level names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


def breaches(package: str, source: str, late: tuple[str, str] = ("", "")) -> set[str]:
    """The forbidden imports of a file; ``late`` is a function and the library that it alone may import."""
    function, library = late
    found: set[str] = set()
    for part in ast.parse(source).body:
        allowed = {library} if getattr(part, "name", "") == function else set()
        found |= imported(ast.unparse(part)) - allowed
    wrong = {name for name in found & set(ALLOWED) if name != package and name not in ALLOWED[package]}
    return wrong | (found & HEAVY if package in ("serve", "configs") else set())


def sources() -> list[Path]:
    return [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    late = LATE.get(str(path.relative_to(ROOT)), ("", ""))
    assert breaches(package, path.read_text("utf-8"), late) == set()


@pytest.mark.parametrize(
    ("package", "source", "wrong"),
    [
        ("features", "from models.hazard import fit", {"models"}),
        ("serve", "def f():\n    import lightgbm", {"lightgbm"}),
        ("models", "import pipeline.training.train", {"pipeline"}),
        ("configs", "from features import build", {"features"}),
    ],
)
def test_a_planted_wrong_import_is_found(package, source, wrong):
    assert breaches(package, source) == wrong


def test_what_one_function_may_load_nothing_else_may():
    late = ("_parquet", "pyarrow")
    assert breaches("serve", "def _parquet():\n    import pyarrow.parquet", late) == set()
    assert breaches("serve", "def _parquet():\n    import pandas", late) == {"pandas"}
    assert breaches("serve", "def other():\n    import pyarrow", late) == {"pyarrow"}
    assert breaches("serve", "import pyarrow\ndef _parquet(): pass", late) == {"pyarrow"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def loaded(source: str, modules: set[str]) -> set[str]:
    """The modules of ours that a file loads when it is imported itself."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & modules


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """The first circle found; none in order."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_file_imports_itself_by_way_of_others():
    modules = {module_name(path) for path in sources()}
    arrows = {module_name(path): loaded(path.read_text("utf-8"), modules) for path in sources()}
    assert circle(arrows) == []


def test_the_rooms_of_serve_lean_one_way():
    """texts and store below http, then auth, api, pages."""
    arrows: dict[str, set[str]] = {}
    modules = {module_name(path): path.parent.name for path in sources() if path.parts[-3:-2] == ("serve",)}
    for path in (ROOT / "serve").glob("*/*.py"):
        below = {modules[name] for name in loaded(path.read_text("utf-8"), set(modules))}
        arrows.setdefault(path.parent.name, set()).update(below - {path.parent.name})
    assert circle(arrows) == []
    assert arrows["pages"] >= {"auth", "http", "store"}


def test_a_planted_circle_is_found():
    assert loaded("from serve.auth import policy\nimport ast", {"serve.auth.policy"}) == {"serve.auth.policy"}
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_files_and_the_top_of_the_pipeline_are_small():
    assert {path.relative_to(ROOT).parts[0] for path in sources()} == set(ALLOWED)
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert {str(path.relative_to(ROOT)) for path, lines in lengths.items() if lines > LONGEST_FILE} == set()
    assert len(list((ROOT / "pipeline").glob("*.py"))) <= 10


def test_files_bear_no_vague_name_and_none_of_the_standard_library():
    names = {path.stem for path in sources() if path.stem != "__init__" and path.stem != "__main__"}
    assert not names & sys.stdlib_module_names
    assert not names & {"utils", "common", "core", "helpers", "misc"}


def test_the_store_imports_no_presentation():
    """From serve, it imports itself alone: what it holds does not depend on how it is shown."""
    for path in sorted((ROOT / "serve" / "store").rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        names = {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
        assert not [name for name in names if re.match(r"serve\.(?!store)", name)], path


def test_settings_are_loaded_at_the_edges_only():
    loaders = {
        str(path.relative_to(ROOT))
        for path in sources()
        if "load_settings(" in path.read_text("utf-8") or "load_service_settings(" in path.read_text("utf-8")
    }
    edges = {
        "pipeline/commands/options.py",
        "pipeline/evaluation/research.py",
        "pipeline/evaluation/loaded_model.py",
        "serve/app.py",
        "serve/__main__.py",
    }
    assert loaders == {"configs/bank_folder.py", "configs/service.py"} | edges
