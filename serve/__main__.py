"""The score service: ``python -m serve``. All of it is set in the environment (docs/service.md)."""

import gc
import os
import sys
import tempfile
from typing import TYPE_CHECKING

import uvicorn

from configs.errors import ConfigError
from configs.service import ServiceSettings, load_service_settings
from serve.http import logs
from serve.http.request_limits import PatientProtocol

if TYPE_CHECKING:  # the process that only watches over workers does without
    from fastapi import FastAPI


def run(settings: ServiceSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    with tempfile.TemporaryDirectory(prefix="attrition-metrics-") as folder:
        if settings.metrics_port:
            _serve_metrics(settings, folder)
        uvicorn.run(
            "serve.__main__:app",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            http=PatientProtocol,
            loop="uvloop",
            ws="none",
            log_config=logs.CONFIG,
            access_log=False,
            server_header=False,
            limit_concurrency=settings.connections,
            timeout_keep_alive=settings.idle_seconds,
            timeout_graceful_shutdown=settings.stop_seconds,
        )


def app() -> "FastAPI":
    """In a process of its own, which keeps what it has imported: looking through that for garbage took 50 ms
    a time."""
    from serve.app import create_app

    made = create_app()
    gc.collect()
    gc.freeze()
    return made


def _serve_metrics(settings: ServiceSettings, folder: str) -> None:
    """In this process for all workers. They inherit the name of the folder in which they leave their
    figures."""
    if settings.workers > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    from serve.http import metrics  # which looks for that name when it is imported
    from serve.store.store import Store

    metrics.serve(settings.metrics_host, settings.metrics_port, Store(settings.store))


if __name__ == "__main__":
    try:
        run(load_service_settings())
    except ConfigError as error:
        sys.exit(str(error))
