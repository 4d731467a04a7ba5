"""MLflow's own pages on loopback, opened where a bank's training runs are and not on its first page."""

import os
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from configs.errors import ConfigError
from pipeline.training.registry import runs_page

HOST = "127.0.0.1"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def show_runs(data: Path, bank: str, port: int, announce: Callable[[str], None]) -> int:
    """Serves until SIGINT; its exit code. ``announce`` gets the address of the runs once it answers.

    Raises DataError before the first training run, ConfigError where the port is taken.
    """
    page = f"http://{HOST}:{port}/{runs_page(data, bank)}"
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        raise ConfigError(f"port {port} of {HOST} is taken. Name another one: MLFLOW_PORT={port + 1}.")
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--host", HOST, "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{(data / 'mlflow.db').resolve()}"]
    command += ["--default-artifact-root", str(data / "mlflow")]
    with subprocess.Popen(command, env=os.environ | _QUIET) as server:
        try:
            if _answers(server, port):
                announce(page)
                if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
                    webbrowser.open(page)
            return server.wait()
        except KeyboardInterrupt:  # the server has got it, too
            return server.wait()
        finally:
            server.terminate()


def _answers(server: "subprocess.Popen[bytes]", port: int) -> bool:
    """True once the server listens, False where it ended before."""
    while server.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return True
        time.sleep(0.1)
    return False
