"""Processes of the servers that benchmarks.serve asks: bare FastAPI, ours on two databases, MLflow's."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI, Response

from benchmarks.processes import memory_kb
from tests.servers import process_group, until


@dataclass
class Server:
    """A running server and what a load generator has to send it."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    send: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = 0.0

    @property
    def rss_mb(self) -> int:
        """Of the process and of those it started."""
        return sum(memory_kb(pid, "VmRSS") for pid in self._pids) // 1024

    @property
    def cpu_seconds(self) -> float:
        """Of the process and of those it started."""
        return round(sum(_cpu_ticks(pid) for pid in self._pids) / os.sysconf("SC_CLK_TCK"), 2)

    @property
    def _pids(self) -> list[int]:
        return [self.process.pid, *_below(self.process.pid)]


def bare() -> FastAPI:
    """FastAPI with one route that returns BENCH_BYTES fixed bytes: nobody can answer faster."""
    app = FastAPI(docs_url=None, redoc_url=None)
    answer = b"x" * int(os.environ["BENCH_BYTES"])

    @app.get("/v1/customers/{customer_id}/risk")
    async def risk(customer_id: str) -> Response:  # noqa: ARG001
        return Response(answer, media_type="application/json")

    return app


@contextmanager
def running(
    name: str, port: int, command: list[str], env: Mapping[str, str], send: Mapping[str, str], log: Path
) -> Iterator[Server]:
    """The server from its first answer to the end of the block. Raises RuntimeError where it ends before."""
    path = {"mlflow": "/ping", "bare": "/v1/customers/1/risk"}.get(name, "/readyz")
    began = time.monotonic()
    with (
        log.open("wb") as output,
        process_group(command, env=os.environ | env, stdout=output, stderr=output) as process,
    ):
        until(lambda: process.poll() is not None or _answers(f"http://127.0.0.1:{port}{path}"))
        if process.poll() is not None:
            raise RuntimeError(f"the server {name} ended; {log} says why.")
        yield Server(name, port, process, send, round(time.monotonic() - began, 2))
        process.terminate()
        process.wait(60)


def bare_command(port: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.serve_servers:bare"]
    return [*command, "--port", str(port), "--no-access-log", "--log-level", "warning", "--loop", "uvloop"]


def _answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(address, timeout=5):
        return True
    return False


def _below(pid: int) -> list[int]:
    try:
        own = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return own + [deeper for one in own for deeper in _below(one)]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
