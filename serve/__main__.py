"""The score service: ``python -m serve``. All of it is set in the environment (docs/service.md)."""

import os
import sys
import tempfile

import uvicorn

from configs.errors import ConfigError
from configs.service import ServiceSettings, load_service_settings
from serve.wire import logs
from serve.wire.protocol import PatientProtocol


def run(settings: ServiceSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    with tempfile.TemporaryDirectory(prefix="attrition-metrics-") as folder:
        if settings.metrics_port:
            _serve_metrics(settings, folder)
        uvicorn.run(
            "serve.api:create_app",
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


def _serve_metrics(settings: ServiceSettings, folder: str) -> None:
    """In this process for all workers. They inherit the name of the folder in which they leave their figures."""
    if settings.workers > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    from serve.store.store import Store
    from serve.wire import metrics  # which looks for that name when it is imported

    metrics.serve(settings.metrics_host, settings.metrics_port, Store(settings.store))


if __name__ == "__main__":
    try:
        run(load_service_settings())
    except ConfigError as error:
        sys.exit(str(error))
