"""The files of deploy/ with a stub in the project's place."""

from dataclasses import dataclass
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
collect_ignore = ["run_dag.py"]  # imports Airflow, which has an environment of its own


@dataclass(frozen=True)
class Stub:
    """Stands for the project: each call ends with the next of ``codes``, and is noted in ``calls``."""

    root: Path

    def end_with(self, codes: list[int]) -> None:
        (self.root / "codes").write_text("".join(f"{code}\n" for code in codes), "utf-8")
        (self.root / "calls").write_text("", "utf-8")

    @property
    def calls(self) -> list[str]:
        """Arguments, time zone, umask and cache of each call."""
        return (self.root / "calls").read_text("utf-8").splitlines()

    def text(self, name: str) -> str:
        """A file of deploy/ that finds the stub in place of the project, and its settings."""
        text = (DEPLOY / name).read_text("utf-8")
        return text.replace("/opt/attrition", f"{self.root}/opt").replace(
            "/etc/attrition", f"{self.root}/etc"
        )


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    python = tmp_path / "opt/.venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\necho "$@ $TZ $(umask) $NUMBA_CACHE_DIR" >> {tmp_path}/calls\necho customer C-0815\n'
        f"echo a step >&2\ncode=$(head -n 1 {tmp_path}/codes)\nsed -i 1d {tmp_path}/codes\nexit $code\n",
        "utf-8",
    )
    python.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/weekly.env").write_text((DEPLOY / "weekly.env").read_text("utf-8"), "utf-8")
    return Stub(tmp_path)
