"""Whether the service is alive, and ready."""

from fastapi import APIRouter, HTTPException, Request

from serve.answers import examples
from serve.answers import runs as shown
from serve.http.problems import documented
from serve.http.requests import OpenedStore, found

router = APIRouter(tags=["probes"])


@router.get("/healthz", responses=found(examples.HEALTH))
def healthz() -> shown.Health:
    """The process answers."""
    return shown.Health(status="ok")


@router.get(
    "/readyz",
    responses=found(examples.HEALTH)
    | documented(
        e503="The service is stopping, no run has been published, or the score store cannot be read."
    ),
)
def readyz(request: Request, store: OpenedStore) -> shown.Health:
    """There is a run to serve, and the service is not about to stop."""
    if request.app.state.stopping:
        raise HTTPException(503, "The service is stopping.")
    store.latest_run()
    return shown.Health(status="ok")
