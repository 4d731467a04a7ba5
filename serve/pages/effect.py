"""Whether calling helps: customers who were listed against those held out by lot."""

from typing import Any

from fastapi import APIRouter, Request, Response

from serve.auth.access import Granted
from serve.auth.policy import Role
from serve.pages.page import Page, asked_run, show
from serve.store import assignments as trial

pages = APIRouter(include_in_schema=False, route_class=Page)
JUDGES_MANAGERS = (Role.ADMIN,)  # the others see no colleague's figures


@pages.get("/effect")
def effect_page(request: Request, access: Granted) -> Response:
    """The newest estimate, whichever run is served; by manager for those alone who may compare them."""
    with asked_run(access, "") as read_session:
        found = trial.latest_result(read_session.connection)
    groups = {"reason": found["by_reason"]} if found else {}
    if found and access.caller.role in JUDGES_MANAGERS:
        groups["manager"] = found["by_manager"]
    told: dict[str, Any] = {"reading": verdict(found), "widest": _widest(found, groups)} if found else {}
    return show(
        request,
        "effect.html",
        run=read_session.run,
        newest=read_session.run,
        effect=found,
        groups=groups,
        **told,
    )


def verdict(effect: dict[str, Any]) -> str:
    """What can be said: ``helps`` or ``harms`` where the interval leaves zero out, ``open`` where it does not,
    ``early`` while an effect of the size that is reckoned with could not be seen yet."""
    customers, power = effect["customers"], effect["power"]
    if customers and customers["difference"][1] > 0:
        return "helps"
    if customers and customers["difference"][2] < 0:
        return "harms"
    return "open" if power["weeks_to_go"] == 0 else "early"


def _widest(effect: dict[str, Any], groups: dict[str, Any]) -> float:
    """The end of the scale of all intervals shown."""
    shown = [effect["customers"], *(one for rows in groups.values() for one in rows.values())]
    return max((abs(end) for one in shown if one for end in one["difference"]), default=0) or 1.0
