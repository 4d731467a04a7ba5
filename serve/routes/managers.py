"""What a manager should do this week."""

from fastapi import HTTPException

from serve import examples
from serve.access import Granted
from serve.answers import managers as shown
from serve.problems import documented
from serve.requests import ManagerId, ShownIn, found, guarded_router

router = guarded_router("managers")


@router.get(
    "/managers/{manager_id}/list",
    responses=found(examples.MANAGER_LIST)
    | documented(
        e404="The run that is served knows no such manager.",
        e422="path.manager_id: String should match pattern",
    ),
)
def manager_list(manager_id: ManagerId, access: Granted, language: ShownIn = "en") -> shown.ManagerList:
    """Whom a manager should call this week, the most money at risk first."""
    with access.reading() as reading:
        known = reading.manager_list(manager_id)
    if known is None:
        raise HTTPException(404, "The run that is served knows no such manager.")
    return shown.manager_list(access.view(reading.run, language), *known)
