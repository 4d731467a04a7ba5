"""A manager's list, and a branch's own of customers in nobody's charge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from configs.published import Decision, Language, Manager, Profile, Score
from serve.auth.access import Access, Granted
from serve.http.requests import BranchId, ManagerId
from serve.pages.page import Page, RunId, asked_run, language_of, may, show
from serve.store import contacts
from serve.store.contacts import Contact
from serve.store.read_session import ReadSession
from serve.texts.score_change import change_in_words
from serve.texts.wording import Wording

ROWS = 500  # of a list on one page
WEEKS = 13  # of the small line of AUM

pages = APIRouter(include_in_schema=False, route_class=Page)
After = Annotated[int, Query(ge=0, le=1_000_000)]


@dataclass(frozen=True)
class Row:
    """One listed customer, with everything a manager reads about one."""

    score: Score
    decision: Decision
    profile: Profile | None
    weeks: tuple[int, ...]
    contact: Contact | None
    change: str
    next_step: str

    @property
    def rank(self) -> int:
        return self.decision.rank or 0

    @property
    def risks(self) -> list[tuple[int, float]]:
        return risks(self.score)

    @property
    def way(self) -> str:
        return way(self.score)

    @property
    def maturing(self) -> int:
        return sum(one.balance_minor for one in self.profile.maturities) if self.profile else 0


@pages.get("/lists/{manager_id}")
def manager_page(
    request: Request, manager_id: ManagerId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """Whom a manager calls this week, first things first."""
    with asked_run(access, run) as read_session:
        found = read_session.manager_list(manager_id)
        if found is None:
            raise HTTPException(404)
        manager, listed = found
        return _list_page(request, access, read_session, listed, after, _who(request, manager))


@pages.get("/branches/{branch_id}/list")
def branch_list_page(
    request: Request, branch_id: BranchId, access: Granted, run: RunId = "", after: After = 0
) -> Response:
    """Whom the branch head calls, or gives to somebody: listed customers without a manager."""
    with asked_run(access, run) as read_session:
        listed = read_session.branch_list(branch_id)
        if not listed and not read_session.branch_known(branch_id):
            raise HTTPException(404)
        who = Wording(language_of(request))("list.own", branch=branch_id)
        return _list_page(request, access, read_session, listed, after, who)


def rows_of(read_session: ReadSession, listed: Sequence[Score], request: Request) -> list[Row]:
    """One row per listed customer; profiles, decisions and outcomes are one statement each."""
    numbers = [score.customer_id for score in listed]
    decisions, profiles = read_session.decisions(numbers), read_session.profiles(numbers)
    recorded = contacts.of_run(read_session.connection, read_session.run.run_id, numbers)
    language = language_of(request)
    return [
        Row(
            score,
            decisions[score.customer_id],
            profiles.get(score.customer_id),
            _last_weeks(profiles.get(score.customer_id)),
            recorded.get(score.customer_id),
            change_in_words(read_session.run, score, language),
            next_step(decisions.get(score.customer_id), language),
        )
        for score in listed
    ]


def risks(score: Score) -> list[tuple[int, float]]:
    """The horizons that the label covers, and the probability at each."""
    every = ((30, score.risk_30d), (60, score.risk_60d), (90, score.risk_90d))
    return [(days, risk) for days, risk in every if risk is not None]


def next_step(decision: Decision | None, language: Language) -> str:
    """What to do first; empty for who is not listed."""
    if decision is None:
        return ""
    return (decision.next_step_zh if language == "zh" else decision.next_step_en) or ""


def way(score: Score) -> str:
    """Whether the risk went up, down or nowhere, by whole points."""
    points = round(100 * (score.risk_change or 0))
    return "up" if points > 0 else "down" if points < 0 else "same"


def _last_weeks(profile: Profile | None) -> tuple[int, ...]:
    """AUM at the end of each of the last WEEKS weeks."""
    if profile is None:
        return ()
    own = (weeks[-WEEKS:] for name, weeks in profile.aum_by_class.items() if name != "loan")
    return tuple(map(sum, zip(*own, strict=True)))


def _list_page(
    request: Request, access: Access, read_session: ReadSession, listed: Sequence[Score], after: int, who: str
) -> Response:
    rows = rows_of(read_session, listed, request)
    page = [row for row in rows if row.rank > after][:ROWS]
    return show(
        request,
        "list.html",
        run=read_session.run,
        newest=read_session.served_run(),
        who=who,
        rows=page,
        listed=len(rows),
        more=sum(row.rank > page[-1].rank for row in rows) if page else 0,
        done=sum(row.contact is not None for row in rows),
        money=sum(row.score.money_at_risk_minor for row in rows),
        maturing=sum(row.maturing for row in rows),
        may_record=may(access, "record_outcome"),
    )


def _who(request: Request, manager: Manager) -> str:
    name = f"{manager.name} ({manager.manager_id})" if manager.name else manager.manager_id
    return Wording(language_of(request))("list.of", who=name)
