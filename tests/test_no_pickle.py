"""No pickle anywhere in the code; test_weekly.py looks at files. Loading one runs whatever it says."""

import ast
import pickle
import pickletools
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
CODE = [path for name in ("configs", "features", "models", "serve", "pipeline", "benchmarks")
        for path in sorted((ROOT / name).rglob("*.py"))]  # fmt: skip
MODULES = {"pickle", "cPickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal", "copyreg"}
CALLS = {"read_pickle", "to_pickle", "load_model", "save_model", "CloudPickleSerializer"}
ENDINGS = {".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".pt", ".h5"}


def uses(source: str) -> set[str]:
    """The names in a file's code that read or write pickles."""
    found, own = set(), set()  # what the code itself defines reads no pickle by its name
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} & MODULES
            own |= {one.name for one in node.names if (node.module or "").startswith("pipeline.")}
        elif isinstance(node, ast.Attribute | ast.Name):
            found |= {node.attr if isinstance(node, ast.Attribute) else node.id} & CALLS
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found |= {"allow_pickle"} if getattr(node.value, "value", True) is not False else set()
    return found - own


def pickled(path: Path) -> str:
    """The reason why a file is, or may be, a pickle; empty if it is none."""
    content = path.read_bytes()
    if path.suffix in ENDINGS:
        return f"{path.name} ends like one"
    if content[:1] == b"\x80" and 2 <= content[1] <= 5:
        return f"{path.name} begins like one"
    if content.rstrip()[-1:] == b"." and _unpickles_to_something(content):
        return f"{path.name} reads as one"
    if zipfile.is_zipfile(path):
        return f"{path.name} is an archive"
    return ""


def _unpickles_to_something(content: bytes) -> bool:
    """True for a program of the pickle machine (protocols 0 and 1 have no mark); it is not run."""
    try:
        return any(True for _ in pickletools.genops(content))
    except (ValueError, UnicodeDecodeError, IndexError, KeyError, EOFError):
        return False


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_reads_or_writes_pickles(path):
    assert uses(path.read_text("utf-8")) == set()


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    from joblib import load",
        "import pickle as p",
        "frame.to_pickle('x')",
        "numpy.load('x', allow_pickle=True)",
        "mlflow.pyfunc.load_model('x')",
    ],
)
def test_a_planted_use_is_found(source):
    assert uses(source)


@pytest.mark.parametrize("protocol", range(6))
def test_a_planted_pickle_is_found(tmp_path, protocol):
    (tmp_path / "model.txt").write_bytes(pickle.dumps({"weights": [1.5]}, protocol))
    assert pickled(tmp_path / "model.txt")


def test_archives_of_arrays_are_found_too(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    (tmp_path / "arrays.npz").rename(tmp_path / "model.txt")
    assert pickled(tmp_path / "model.txt") == "model.txt is an archive"
