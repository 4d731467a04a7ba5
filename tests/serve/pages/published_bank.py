"""A bank as its pages need it: two branches, eight Mondays, lists partly worked off, and hostile names.

B1 has the managers M1 (a full list) and M2, whose name is a script, and two customers without a manager;
B2 has M3. One of M1's customers bears a number that is markup.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from configs.alarms import Alarm
from configs.branch_rows import Coverage, Departure, Handover
from configs.call_lists import CallList, Week
from configs.list_settings import Lists
from configs.published import (
    Booking,
    Change,
    Exclusion,
    Manager,
    Maturity,
    PastContact,
    Profile,
    Reason,
    Run,
    RunExtras,
    Score,
)
from configs.response import Response
from pipeline.lists.decisions import choose
from serve.store import assignments as trial
from serve.store import command_runs, contacts
from serve.store.alarms import keep as keep_alarms
from serve.store.command_runs import CommandRun
from serve.store.contacts import Author, Contact
from serve.store.store import Store, keep_figures
from tests.serve.branch_contents import branch_figures
from tests.serve.conftest import published_run
from tests.serve.pages.sent_campaign import keep_campaign

MONDAYS = tuple(date(2026, 9, 28) + timedelta(weeks=k) for k in range(8))
MONDAY = MONDAYS[-1]
EVIL = "<script>alert(1)</script>"
EVIL_NUMBER = '"><script>alert(2)<!--'
EXCLUDED = "excluded-1"
OF = {
    "6217000000000000101": ("B1", "M1"),
    "6217000000000000102": ("B1", "M1"),
    "6217000000000000103": ("B1", "M1"),
    "6217000000000000104": ("B1", "M1"),
    "6217000000000000105": ("B1", "M1"),
    "6217000000000000106": ("B1", "M1"),
    EVIL_NUMBER: ("B1", "M1"),
    "6217000000000000201": ("B1", "M2"),
    "6217000000000000202": ("B1", "M2"),
    "6217000000000000301": ("B2", "M3"),
    "6217000000000000302": ("B2", "M3"),
    "6217000000000000901": ("B1", None),
    "6217000000000000902": ("B1", None),
}
MANAGERS = (Manager("M1", "张伟", "B1", 20), Manager("M2", EVIL, "B1", 10), Manager("M3", "李娜", "B2", 10))

HANDOVERS = (
    Handover("6217000000000000901", "B1", "M9", "M2"),
    Handover("6217000000000000902", "B1", "M9", None),
)

OUTFLOW = Reason(
    "outflow", "outflow_elsewhere_sum_4w", 480_000.0, 0.8,
    "Moved 480,000 CNY to other banks in 4 weeks, the largest 300,000 CNY on 2026-11-03",
    "近 4 周转往他行 480,000 元，最大一笔 2026-11-03 的 300,000 元",
)  # fmt: skip
ROLLOVER = Reason(
    "rollover", "maturing_sum_4w", 900_000.0, 0.5,
    "A term deposit of 900,000 CNY matures on 2026-12-04", "900,000 元定期存款将于 2026-12-04 到期",
)  # fmt: skip
SILENCE = Reason(
    "contact", "days_since_contact", 142.0, 0.3, "Last contact with the manager 142 days ago",
    "上次联系在 142 天前",
)  # fmt: skip
CHANGE = Change("outflow", 0.6, "money moves to other banks", "资金转往他行")


def score(place: int, customer_id: str, week: int) -> Score:
    """One customer on one Monday; the risk rises from week to week, the first customers' most."""
    branch, manager = OF[customer_id]
    risk = round(min(0.9, 0.06 + (0.62 - 0.045 * place) * (week + 1) / len(MONDAYS)), 3)
    aum = 4_800_000_00 - place * 300_000_00
    return Score(
        customer_id=customer_id,
        branch_id=branch,
        manager_id=manager,
        tier="wealth" if place % 3 else "affluent",
        lifecycle_stage=("mature", "declining", "growing")[place % 3],
        marketing_opt_out=False,
        aum_minor=aum,
        money_at_risk_minor=round(aum * risk * 0.8),
        risk_band="high" if risk >= 0.2 else "medium" if risk >= 0.08 else "low",
        reasons=((OUTFLOW, ROLLOVER, SILENCE), (ROLLOVER, SILENCE), (SILENCE,))[place % 3],
        risk_30d=round(risk * 0.4, 3),
        risk_60d=round(risk * 0.75, 3),
        risk_90d=risk,
        risk_change=(0.12, -0.03, 0.0)[place % 3] if week else None,
        changes=(CHANGE,) if week and place % 3 == 0 else (),
    )


def profile(place: int, customer_id: str) -> Profile:
    weeks = range(52)
    held = {
        "demand": tuple(200_000_00 + (week * 7_919_00 + place * 104_729_00) % 180_000_00 for week in weeks),
        "term": tuple(1_900_000_00 if week < 44 - place else 900_000_00 for week in weeks),
        "wealth": tuple(2_200_000_00 - place * 150_000_00 + week % 9 * 40_000_00 for week in weeks),
        "fund": tuple(0 if week < 20 else 300_000_00 + week % 11 * 20_000_00 for week in weeks),
    }
    return Profile(
        customer_id,
        MappingProxyType(held),
        (Maturity("三年期定期存款", "term", date(2026, 12, 4), 900_000_00),
         Maturity("稳健理财 90 天", "wealth", date(2027, 1, 15), 350_000_00))[: 2 - place % 3],
        (Booking(date(2026, 11, 3), -300_000_00, "transfer_out", "same_name_elsewhere", "mobile"),
         Booking(date(2026, 10, 21), -180_000_00, "transfer_out", "broker", "mobile"),
         Booking(date(2026, 10, 9), 25_000_00, "salary", "company", "auto")),
        () if place % 4 == 3 else (PastContact(date(2026, 6, 27), "M1", "phone", "service", "answered"),),
        (date(2026, 10, 12),) if place == 0 else (),
    )  # fmt: skip


def run(week: int, **changes: Any) -> Run:
    manifest = {"tables": "sha256:1f"} | ({"compared_with": str(MONDAYS[week - 1])} if week else {})
    fields = {"model_id": "20260831-7f3a", "cohort": len(OF), "manifest": MappingProxyType(manifest)}
    run_id = changes.pop("run_id", f"{MONDAYS[week]}-run{week}")
    return published_run(run_id, MONDAYS[week], **fields | changes)


def lists(scores: tuple[Score, ...], settings: Lists, monday: date) -> tuple[CallList, ...]:
    return tuple(
        replace(call_list, decisions=tuple(map(_with_step, call_list.decisions)))
        for call_list in choose(scores, MANAGERS, settings, Week(monday, 14, Response(0.3)))
    )


def _with_step(decision: Any) -> Any:
    if decision.rank is None:
        return decision
    english = "Discuss renewal before the money matures, with an offer ready"
    step = {"next_step_en": english, "next_step_zh": "到期前沟通续接，准备好承接产品"}
    return replace(decision, **step, rests_on="reason 1214")


def publish(store: Store, settings: Lists, audit_key: bytes) -> None:
    """Everything, oldest Monday first; then two outcomes on M1's list, one on M2's, and what was measured."""
    for week, monday in enumerate(MONDAYS):
        scores = tuple(score(place, number, week) for place, number in enumerate(OF))
        profiles = (profile(place, number) for place, number in enumerate(OF))
        store.publish(
            run(week),
            scores,
            (Exclusion(EXCLUDED, "too_new"),),
            lists(scores, settings, monday),
            RunExtras(
                profiles,
                COVERAGE,
                DEPARTURES,
                DRIFT,
                CALIBRATION,
                gates=GATES,
                branch_figures=FIGURES,
                handovers=HANDOVERS,
            )
            if monday == MONDAY
            else RunExtras(),
        )
    served = run(len(MONDAYS) - 1).run_id
    with store.write() as connection:
        for number, manager, outcome in (
            ("6217000000000000102", "M1", "will_stay"),
            ("6217000000000000104", "M1", "undecided"),
            ("6217000000000000201", "M2", "no_answer"),
        ):
            at = datetime(2026, 11, 17, 2, 30, tzinfo=UTC)
            contact = Contact(f"key-of-{number}", number, manager, served, outcome, f"says {EVIL}", at)
            contacts.record(connection, contact, Author(f"the {manager}", audit_key))
        trial.write_result(connection, MONDAY, EFFECT)
        keep_campaign(connection, run(len(MONDAYS) - 1))
        keep_alarms(connection, ALARMS)
        for command in COMMANDS:
            command_runs.write(connection, command)
        for week, figure in enumerate(OUTCOMES):
            keep_figures(connection, run(week).run_id, "outcome", figure)


def publish_long_list(store: Store, settings: Any) -> None:
    """Two Mondays of M1 with sixteen customers in both parts; half of them are new on the second."""
    for week, count in ((6, 8), (7, 16)):
        scores = tuple(_customer(place, week) for place in range(count))
        profiles = (profile(place % 7, score.customer_id) for place, score in enumerate(scores))
        made = run(week, cohort=count, excluded=MappingProxyType({}))
        call_lists = lists(scores, settings.lists, MONDAYS[week])
        store.publish(made, scores, (), call_lists, RunExtras(profiles))


def _customer(place: int, week: int) -> Score:
    drawn = score(place % 7, next(iter(OF)), week)
    band = "low" if place >= 9 else drawn.risk_band
    return replace(drawn, customer_id=f"62170000000000010{place:02d}", risk_band=band)


SIX = datetime(2026, 11, 16, 6, tzinfo=UTC)
ALARMS = (
    Alarm("machine", "lists", f"step 'lists': no space left on device {EVIL}.", "Make room on the disk.",
          MONDAY, "3f2a91c0", SIX, SIX, {"mail": SIX + timedelta(minutes=8)}),
    Alarm("drift", "figures", "3 of 463 features drifted since 2026-08-31.", "Look at the sources.", MONDAY,
          "77aa00bb", SIX, SIX, {}, SIX + timedelta(hours=3), "Li Na", "a new app"),
    Alarm("data", "ingest", "no file", "Deliver it.", MONDAY, "00000000", SIX, SIX, closed_at=SIX),
)  # fmt: skip
STEPS = (
    {"step": "ingest", "seconds": 41.2, "counts": {"rows_in": 9}, "ended_well": True},
    {"step": "lists", "seconds": 3.1, "counts": {}, "ended_well": False},
)
DAYS = {"transactions": "2026-11-15", "events": "2026-10-25"}
BY = "attrition, process 4711 on score01.bank.example"
COMMANDS = (
    CommandRun("ingest", None, BY, SIX - timedelta(days=1), None, 40, 0, STEPS[:1], DAYS),
    CommandRun("weekly", MONDAY, BY, SIX, None, 431.4, 5, STEPS, DAYS),
    CommandRun("weekly", MONDAY, BY, SIX + timedelta(hours=1)),
)
GATES = {
    "gates": [{"gate": f"gate{k}", "verdict": "passed"} for k in range(38)]
    + [{"gate": "aum", "verdict": "overridden"}, {"gate": "lag:events", "verdict": "late"}],
    "overridden": ["aum"],
    "late": {"events": "moved to the new system"},
}
FIGURES = branch_figures(MONDAY, {"B1": ("M1", "M2"), "B2": ("M3",)})
COVERAGE = (
    Coverage("B1", "", 2, 1, 900_000_00, 0, 2),
    Coverage("B1", "M1", 7, 5, 9_200_000_00, 4, 7),
    Coverage("B1", "M2", 2, 2, 1_700_000_00, 1, 2),
    Coverage("B2", "M3", 2, 1, 1_100_000_00, 2, 2),
)
DEPARTURES = (Departure("B1", "M0", 2, 2, 900_000_00),)
DRIFT = {
    "since": "2026-08-31",
    "features": 463,
    "drifted": 1,
    "most": [
        {"feature": "login_count_4w", "psi": 0.27, "reading": "drifted"},
        {"feature": "fund_share", "psi": 0.12, "reading": "moved"},
        {"feature": "aum_change_13w", "psi": 0.02, "reading": "stable"},
    ],
}


def _counted(kind: str, name: str, verdict: str, evidence: float) -> dict[str, Any]:
    """One group of the weekly comparison, at 30 days; an alarm is two weeks old."""
    horizon = {
        "days": 30, "snapshot_date": "2026-10-05", "customers": 1_900, "predicted": 24.6, "observed": 31,
        "unlisted_predicted": 7.2, "unlisted_at_most": 8.0, "evidence": evidence,
    }  # fmt: skip
    since = None if verdict == "within_noise" else "2026-11-02"
    return {
        "kind": kind,
        "name": name,
        "verdict": verdict,
        "since": since,
        "needed": 240.0,
        "horizons": [horizon],
    }


CALIBRATION = {
    "as_of": str(MONDAY),
    "slack": 0.05,
    "false_alarms": 0.05,
    "verdict": "more",
    "alarms": 1,
    "retrain_since": "2026-11-02",
    "groups": [
        _counted("all", "", "within_noise", 1.25),
        _counted("branch", "B1", "within_noise", 0.3),
        _counted("branch", "B2", "more", 512.0),
        _counted("tier", "wealth", "within_noise", 0.9),
        _counted("band", "high", "within_noise", 0.8),
    ],
}
OUTCOMES = tuple(
    {
        "predicted_rate": 0.040 + 0.001 * week,
        "observed_rate": 0.043 - 0.001 * week,
        "predicted_money_minor": 61_000_000_00 + week * 900_000_00,
        "observed_money_minor": 58_000_000_00 + week * 1_700_000_00,
        "auroc": 0.846,
        "recall_at_10": 0.61,
        "listed": 480,
        "listed_attrited": 92 - week,
    }
    for week in range(3)
)


def _group(listed: int, left: float, control: int, gone: float, *difference: float) -> dict[str, Any]:
    """``difference`` is the middle, the lower and the upper end of its interval."""
    return {
        "listed": {"assignments": listed, "left": left},
        "control_group": {"assignments": control, "left": gone},
        "difference": difference,
        "kept": [share * listed for share in difference],
        "called": [share / 0.6 for share in difference],
    }


EFFECT = {
    "as_of": str(MONDAY),
    "currency": "CNY",
    "known": 4_200,
    "waiting": 1_900,
    "customers": _group(4_000, 0.040, 200, 0.070, 0.030, -0.001, 0.074),
    "money": _group(4_000, 0.032, 200, 0.061, 0.029, 0.002, 0.070),
    "state": "collecting",
    "contamination": {"controls": 200, "controls_reached": 20, "listed": 4_000, "listed_not_reached": 1_200},
    "power": {
        "left": 0.042,
        "expected": 0.012,
        "visible": 0.041,
        "needed": 9_000,
        "a_week": 120,
        "weeks_to_go": 31,
    },
    "by_reason": {"outflow": _group(900, 0.050, 60, 0.100, 0.050, -0.010, 0.150)},
    "by_manager": {"M1": _group(300, 0.030, 40, 0.050, 0.020, -0.060, 0.120)},
    "response": {"overall": 0.3, "by_reason": {}},
}
