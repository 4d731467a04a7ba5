"""The model's last runs and drift, and the effect of calls by the customers of the control group."""

from dataclasses import replace
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from serve.auth.access import Granted
from serve.auth.policy import Role
from serve.pages.page import Page, asked_run, show_run
from serve.store import alert_feedback, assignments
from serve.store.alert_feedback import GroupedBy, Precision
from serve.store.read_session import ReadSession

pages = APIRouter(include_in_schema=False, route_class=Page)
RUNS = 26  # shown, the newest; half a year of Mondays
BRANCHES = 10  # shown, those with an alarm first


@pages.get("/model")
def model_page(request: Request, access: Granted) -> Response:
    """Figures of all runs alike, so it holds whichever run is served."""
    with asked_run(access, "") as session:
        runs = session.figures("outcome", RUNS)
        [(_, drift)] = session.figures("drift", 1)
        rounding = session.rounding
        evaluated = [
            {"day": run.snapshot_date} | rounding.figures(outcome)
            for run, outcome in reversed(runs)
            if outcome
        ]
        [(_, calibration)] = session.figures("calibration", 1)
        if drift:
            drift = drift | {"since": date.fromisoformat(drift["since"])}
        groups = shown_groups(calibration["groups"], access.caller.role) if calibration else []
        return show_run(
            request,
            "model.html",
            session,
            runs=[replace(run, cohort=rounding.count(run.cohort)) for run, _ in runs],
            evaluated=evaluated,
            has_money=all("observed_money_minor" in row for row in evaluated),
            drift=drift,
            calibration=calibration,
            groups=[rounding.figures(group) for group in groups],
            verdict=model_verdict(calibration, drift),
            precisions=_precisions(session, access.caller.role),
        )


@pages.get("/effect")
def effect_page(request: Request, access: Granted) -> Response:
    """The newest estimate, whichever run is served; by manager for those alone who may compare them."""
    with asked_run(access, "") as session:
        effect = assignments.latest_result(session.connection)
        if effect is None:
            return show_run(request, "effect.html", session, effect=None)
        effect = session.rounding.effect(effect)
        groups = {"reason": effect["by_reason"]}
        if access.caller.role is Role.ADMIN:  # the others see no colleague's figures
            groups["manager"] = effect["by_manager"]
        shown = [effect["customers"], *(row for rows in groups.values() for row in rows.values())]
        # The end of the scale of all intervals shown.
        widest = max((abs(end) for row in shown if row for end in row["difference"]), default=0) or 1.0
        explains = access.caller.role in (Role.ANALYST, Role.ADMIN)  # the setting, to who may change it
        values = {"groups": groups, "widest": widest, "reading": verdict(effect), "explains": explains}
        return show_run(request, "effect.html", session, effect=effect, **values)


def _precisions(session: ReadSession, role: Role) -> list[tuple[str, str, Precision]]:
    """Kind and name of each group: all verdicts, by first reason; by manager for who may compare them."""
    kinds: tuple[GroupedBy, ...] = ("all", "reason", "manager")
    return [
        (kind, name, group)
        for kind in kinds[: None if role is Role.ADMIN else 2]
        for name, group in alert_feedback.precision(session, kind).items()
    ]


def model_verdict(
    calibration: dict[str, Any] | None, drift: dict[str, Any] | None
) -> tuple[str, dict[str, int]]:
    """``good``, ``early`` or ``look``, with the counts that ask somebody to look into the model.

    ``early`` while no window of a published run has closed and nothing has drifted.
    """
    groups = calibration["groups"] if calibration else []
    counts = {
        "alarms": calibration["alarms"] if calibration else 0,
        "drifted": drift["drifted"] if drift else 0,
    }
    counts = {name: count for name, count in counts.items() if count}
    if counts:
        return "look", counts
    return ("good" if groups else "early"), {}


def shown_groups(groups: list[dict[str, Any]], role: Role) -> list[dict[str, Any]]:
    """Everybody, tiers and bands, and for those who may compare branches these too: alarms, and the ones
    nearest to one."""
    shown = [group for group in groups if group["kind"] != "branch"]
    if role is not Role.ADMIN:  # the others see no other branch's figures
        return shown
    branches = [group for group in groups if group["kind"] == "branch"]
    branches.sort(key=lambda group: (group["since"] is None, -_nearness(group), group["name"]))
    return shown + branches[:BRANCHES]


def _nearness(group: dict[str, Any]) -> float:
    """The largest evidence of a group, as a share of what an alarm needs."""
    return max((horizon["evidence"] for horizon in group["horizons"]), default=0.0) / float(group["needed"])


def verdict(effect: dict[str, Any]) -> str:
    """The state of an effect in words: ``helps`` or ``harms`` once it is shown, so that the bounds leave
    zero out; else ``inconclusive``, or ``collecting`` while an effect of the size expected could not show.
    """
    customers, power = effect["customers"], effect["power"]
    if customers and customers["difference"][1] > 0:
        return "helps"
    if customers and customers["difference"][2] < 0:
        return "harms"
    return "inconclusive" if power["weeks_to_go"] == 0 else "collecting"
