"""The weekly runs of the store."""

from serve import examples
from serve.access import Granted
from serve.answers import runs as shown
from serve.requests import found, guarded_router

router = guarded_router("runs")


@router.get("/runs/latest", responses=found(examples.LATEST_RUN))
def latest_run(access: Granted) -> shown.RunShown:
    """The run that every other answer comes from."""
    with access.reading() as reading:
        return shown.run_shown(access.view(reading.run))
