"""The address that ``make mlflow`` prints shows the bank's training runs in a browser new to MLflow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from pipeline.training.registry import record
from tests.pipeline.training.test_registry import KEY
from tests.pipeline.training.test_registry import folder as bundle_folder
from tests.servers import PATIENCE, ROOT, free_port, needed, process_group

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
pytestmark = pytest.mark.long


def command(data: Path, bank: str, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pipeline",
        "mlflow",
        "--bank",
        bank,
        "--data",
        str(data),
        "--port",
        str(port),
    ]


def test_the_printed_address_shows_the_runs(empty_registry: Path, tmp_path: Path) -> None:
    needed(Path(CHROMIUM).is_file(), "no chromium: install Debian's package chromium")
    shutil.copy(empty_registry, tmp_path / "mlflow.db")
    for bank in ("wallet", "demo"):  # the bank's own experiment, not simply the first one
        folder = bundle_folder(tmp_path, bank=bank)
        record(tmp_path, bank, folder, KEY, {"data": "d"})
    environment = {name: value for name, value in os.environ.items() if not name.endswith("DISPLAY")}
    port = free_port()
    options = {"cwd": ROOT, "env": environment | {"PYTHONUNBUFFERED": "1"}, "stdout": subprocess.PIPE}
    with process_group(command(tmp_path, "demo", port), **options) as server, sync_playwright() as playwright:
        assert server.stdout is not None
        with server.stdout as lines:
            said = next(line for line in lines if line.startswith(b"training runs: ")).decode().strip()
        again = subprocess.run(
            command(tmp_path, "demo", port), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert f"port {port} of 127.0.0.1 is taken" in again.stderr
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(said.removeprefix("training runs: "))
        expect(page.get_by_text(folder.name).first).to_be_visible(timeout=1000 * PATIENCE)
        expect(page.get_by_text("1 matching run")).to_be_visible()
        browser.close()
