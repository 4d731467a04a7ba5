"""A bundle tried where it can do no harm: loaded and made to score in a process of its own.

LightGBM aborts the process on a model text that it does not like, and may take any time or memory before.
"""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

from configs.errors import DataError
from models.bundle import load
from models.reference_rows import check_golden

_ROOT = Path(__file__).parent.parent
MEMORY_MB = 4_096  # address space of the child; libraries alone map about 2,000


def try_out(folder: Path, key: bytes, seconds: int, memory_mb: int = MEMORY_MB) -> None:
    """Load the bundle and score its golden rows in a child process with these limits.

    The key goes through a pipe and the child gets no environment, so nothing can be read off the process list.
    Raises DataError with the reason if the bundle is refused, the child dies or takes too long, or other
    numbers come out than were recorded.
    """
    task = json.dumps({"folder": str(folder.resolve()), "key": key.hex(), "memory": memory_mb << 20})
    try:
        child = subprocess.run(
            [sys.executable, "-m", "models.smoke_test"],
            input=task,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            cwd=_ROOT,
            env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"bundle {folder} was tried and is refused: no answer in {seconds} s.") from None
    reason = _reason(child)
    if reason:
        raise DataError(f"bundle {folder} was tried and is refused: {reason}")


def _reason(child: subprocess.CompletedProcess[str]) -> str:
    """Why the child refused, or how it died; empty if all was well."""
    if child.returncode < 0:
        how = signal.Signals(-child.returncode).name
        return f"the process that loaded it was ended by {how}. Train it again."
    lines = child.stdout.splitlines() or [""]
    try:
        return str(json.loads(lines[-1])["refused"])
    except (ValueError, KeyError, TypeError):
        said = (child.stderr.splitlines() or ["nothing"])[-1]
        return f"the process that loaded it left with code {child.returncode} and said: {said}"


def _main() -> None:
    """In the child: the last line on stdout says why the bundle is refused; empty: it is not."""
    task = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (task["memory"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the key
    try:
        check_golden(load(Path(task["folder"]), bytes.fromhex(task["key"])))
        reason = ""
    except DataError as error:
        reason = str(error)
    print(json.dumps({"refused": reason}))


if __name__ == "__main__":
    _main()
