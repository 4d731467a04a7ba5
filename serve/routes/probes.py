"""Whether the service is alive, and ready."""

from fastapi import APIRouter

from serve import examples
from serve.answers import runs as shown
from serve.problems import documented
from serve.requests import OpenedStore, found

router = APIRouter(tags=["probes"])


@router.get("/healthz", responses=found(examples.HEALTH))
def healthz() -> shown.Health:
    """The process answers."""
    return shown.Health(status="ok")


@router.get(
    "/readyz",
    responses=found(examples.HEALTH)
    | documented(e503="No run has been published, or the score store cannot be read."),
)
def readyz(store: OpenedStore) -> shown.Health:
    """There is a run to serve."""
    store.latest_run()
    return shown.Health(status="ok")
