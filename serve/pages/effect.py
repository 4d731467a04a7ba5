"""The effect of calls: customers who were listed against those of the control group."""

from typing import Any

from fastapi import APIRouter, Request, Response

from serve.auth.access import Granted
from serve.auth.policy import Role
from serve.pages.page import Page, asked_run, show_run
from serve.store import assignments

pages = APIRouter(include_in_schema=False, route_class=Page)
COMPARES_MANAGERS = (Role.ADMIN,)  # the others see no colleague's figures


@pages.get("/effect")
def effect_page(request: Request, access: Granted) -> Response:
    """The newest estimate, whichever run is served; by manager for those alone who may compare them."""
    with asked_run(access, "") as session:
        effect = assignments.latest_result(session.connection)
        if effect is None:
            return show_run(request, "effect.html", session, effect=None)
        groups = {"reason": effect["by_reason"]}
        if access.caller.role in COMPARES_MANAGERS:
            groups["manager"] = effect["by_manager"]
        widest = _widest([effect["customers"], *(row for rows in groups.values() for row in rows.values())])
        reading = verdict(effect)
        return show_run(
            request, "effect.html", session, effect=effect, groups=groups, widest=widest, reading=reading
        )


def verdict(effect: dict[str, Any]) -> str:
    """``helps`` or ``harms`` where the interval leaves zero out, ``open`` where it does not, ``early`` while
    an effect of the size that is reckoned with could not be seen yet."""
    customers, power = effect["customers"], effect["power"]
    if customers and customers["difference"][1] > 0:
        return "helps"
    if customers and customers["difference"][2] < 0:
        return "harms"
    return "open" if power["weeks_to_go"] == 0 else "early"


def _widest(rows: list[dict[str, Any] | None]) -> float:
    """The end of the scale of all intervals shown."""
    return max((abs(end) for row in rows if row for end in row["difference"]), default=0) or 1.0
