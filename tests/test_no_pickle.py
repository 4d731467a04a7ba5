"""No pickle anywhere: not in the code, not in what training leaves behind. Loading one runs whatever it
says."""

import ast
import pickle
import pickletools
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.bundle import write
from pipeline.training import registry
from tests.bundles import tiny_bundle
from tests.pipeline.training.test_registry import METRICS

ROOT = Path(__file__).parent.parent
CODE = [path for name in ("configs", "features", "models", "serve", "pipeline", "benchmarks")
        for path in sorted((ROOT / name).rglob("*.py"))]  # fmt: skip
MODULES = {"pickle", "cPickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal", "copyreg"}
CALLS = {"read_pickle", "to_pickle", "load_model", "save_model", "CloudPickleSerializer"}
ENDINGS = {".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".pt", ".h5"}
KEY = bytes(range(1, 64, 2))


def uses(source: str) -> set[str]:
    """Whatever in a file's code reads or writes pickles."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} & MODULES
        elif isinstance(node, ast.Attribute | ast.Name):
            found |= {node.attr if isinstance(node, ast.Attribute) else node.id} & CALLS
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found |= {"allow_pickle"} if getattr(node.value, "value", True) is not False else set()
    return found


def pickled(path: Path) -> str:
    """Why a file is, or may be, a pickle; empty if it is none."""
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
    """Whether the bytes are a program for the pickle machine (protocols 0 and 1 have no mark); it is not
    run."""
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


def test_nothing_that_training_leaves_is_a_pickle(tmp_path):
    """The bundle's folder and MLflow's copy of it."""
    bundle = tiny_bundle(METRICS, {"bank": "demo"})
    folder = write(bundle, tmp_path / "demo" / "models", KEY)
    registry.record(tmp_path, "demo", folder, KEY, {})
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in paths} >= {*bundle.files, "signature", "mlflow.db"}
    assert [reason for path in paths if (reason := pickled(path))] == []


def test_nothing_kept_below_data_is_a_pickle():
    """What `make demo` and the weekly runs left on this machine, if they ran."""
    kept = [
        path
        for pattern in ("*/models/*/*", "*/decisions/*", "mlflow/**/*")
        for path in (ROOT / "data").glob(pattern)
        if path.is_file()
    ]
    assert [reason for path in kept if (reason := pickled(path))] == []


@pytest.mark.parametrize("protocol", range(6))
def test_a_planted_pickle_is_found(tmp_path, protocol):
    (tmp_path / "model.txt").write_bytes(pickle.dumps({"weights": [1.5]}, protocol))
    assert pickled(tmp_path / "model.txt")


def test_archives_of_arrays_are_found_too(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    (tmp_path / "arrays.npz").rename(tmp_path / "model.txt")
    assert pickled(tmp_path / "model.txt") == "model.txt is an archive"
