"""The score service: ``python -m serve``. All of it is set in the environment (docs/service.md)."""

import gc
import os
import socket
import sys
import tempfile

import uvicorn

from configs.errors import ConfigError
from configs.files import keep_private
from configs.service import ServiceSettings, load_service_settings
from serve.http import logs
from serve.http.request_limits import PatientProtocol


def run(settings: ServiceSettings) -> None:
    """Serves until SIGTERM or SIGINT. Raises ConfigError where a port cannot be opened."""
    keep_private()
    _try_port(settings.host, settings.port)
    with tempfile.TemporaryDirectory(prefix="attrition-metrics-") as folder:
        if settings.metrics_port:
            if settings.workers > 1:  # which inherit the name of the folder where they leave their figures
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            from serve.http import metrics  # which looks for that name when it is imported
            from serve.store.store import Store

            metrics.serve(settings.metrics_host, settings.metrics_port, Store(settings.store))
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


def _try_port(host: str, port: int) -> None:
    """Before the app is made: uvicorn finds a taken port after that, and says no remedy."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # without the address once more
        raise ConfigError(
            f"the service cannot listen on {host}, port {port}: {reason}. Set ATTRITION_PORT (make serve "
            "PORT=…) to a free port, and ATTRITION_HOST to an address of this machine."
        ) from None


def app() -> object:
    """The app of a worker, whose imports are kept: looking through them for garbage took 50 ms a time."""
    from serve.app import create_app  # the process that only watches over workers does without

    made = create_app()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # objects; what a request leaves is few, and looked through less often
    return made


if __name__ == "__main__":
    try:
        run(load_service_settings())
    except ConfigError as error:
        sys.exit(str(error))
