"""A client of the API in the standard library alone: for a CRM's nightly job and its pages.

scores = Client("https://scores.bank.example", token=read_token)
update = scores.update(since=None)                # everything, then only what changed:
update = scores.update(since=update.run_id)
"""

import gzip
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from http.client import HTTPException
from itertools import islice
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from pydantic import TypeAdapter

from configs.published import Feedback, Outcome
from serve.api.alert_feedback import AlertPrecision, FeedbackRecorded, RecordedFeedback
from serve.api.announcements import Announcements
from serve.api.branches import Branches, BranchSummary
from serve.api.campaigns import CampaignAnswer, CampaignCustomers, Campaigns, DecisionName, PlanPreview
from serve.api.contacts import MOST, BatchAnswer, ContactRecorded, ContactsRecorded, RecordedContacts
from serve.api.customers import CustomerRisk, CustomersRisk, OptOut
from serve.api.managers import CommonList, ManagerCustomers, ManagerList, Managers
from serve.api.maturities import ManagerMaturities
from serve.api.runs import ModelCard, Runs, RunSchema
from serve.store.read_session import LONGEST

BUSY = frozenset({429, 503})  # worth another try
SECONDS = 60  # that an answer may take to begin
_PACKED = "gzip"


class ProblemError(Exception):
    """A refusal of the service and its reason; ``status`` is that of HTTP, ``remedy`` says what can be done.

    ``after``: the seconds that it asked to wait before the next try.
    """

    def __init__(self, status: int, detail: str, remedy: str, after: float = 0) -> None:
        super().__init__(f"{status}: {detail} {remedy}")
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.after = after


@dataclass(frozen=True)
class Update:
    """Rows that bring a copy of the scores to ``run_id``; keep the run_id once the last row is stored.

    ``whole``: they replace the copy. Otherwise each says in ``kind`` whether it was added, changed or
    removed. The rows raise OSError, EOFError or HTTPException where the stream breaks off: then the copy
    stays as it was.
    """

    run_id: str
    snapshot_date: date
    whole: bool
    rows: Iterator[dict[str, Any]]


class Client:
    """One service and one caller. ``token`` is asked before each request, so that it may renew what expires.

    Every method raises ProblemError for what is refused, OSError where the service does not answer. A request
    that is answered by 429, 503 or not at all is sent at most ``tries`` times. Between them it waits 1, 2, 4,
    … seconds, or longer where the service asks for it (Retry-After).
    """

    def __init__(
        self,
        address: str,
        token: Callable[[], str],
        tries: int = 5,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address.rstrip("/")
        self._token = token
        self._pauses = [2.0**number for number in range(tries - 1)]
        self._wait = wait

    def risk(self, customer_id: str, *include: str, language: str = "en") -> CustomerRisk:
        """``include``: maturities, history, contacts, person."""
        query = {"include": include, "language": language}
        request = self._request("GET", f"/customers/{_part(customer_id)}/risk", query)
        return self._answer(CustomerRisk, request)

    def risks(self, customer_ids: Iterable[str], language: str = "en") -> Iterator[CustomersRisk]:
        """The answers for any number of customers, 1,000 at a time, each in the order asked for."""
        waiting = iter(customer_ids)
        while batch := list(islice(waiting, LONGEST)):
            query, body = {"language": language}, {"customer_ids": batch}
            yield self._answer(CustomersRisk, self._request("POST", "/customers/risk", query, body))

    def manager_list(self, manager_id: str, language: str = "en", limit: int = 100) -> Iterator[ManagerList]:
        """The pages of one run."""
        return self._pages(ManagerList, f"/managers/{_part(manager_id)}/list", language=language, limit=limit)

    def maturities(self, manager_id: str, days: int = 30, limit: int = 100) -> Iterator[ManagerMaturities]:
        """The pages of one run."""
        return self._pages(
            ManagerMaturities, f"/managers/{_part(manager_id)}/maturities", days=days, limit=limit
        )

    def manager_customers(
        self, manager_id: str, language: str = "en", **asked: Any
    ) -> Iterator[ManagerCustomers]:
        """The pages of one run: listed or not. ``asked``: decision, band, segment, sort,
        limit.
        """
        address = f"/managers/{_part(manager_id)}/customers"
        return self._pages(ManagerCustomers, address, language=language, **asked)

    def managers(self, limit: int = 100) -> Iterator[Managers]:
        """The pages of one run."""
        return self._pages(Managers, "/managers", limit=limit)

    def branches(self, limit: int = 100) -> Iterator[Branches]:
        """The pages of one run."""
        return self._pages(Branches, "/branches", limit=limit)

    def branch_list(self, branch_id: str, language: str = "en", limit: int = 100) -> Iterator[CommonList]:
        """The pages of one run: the branch's customers without a manager."""
        return self._pages(CommonList, f"/branches/{_part(branch_id)}/list", language=language, limit=limit)

    def common_list(self, language: str = "en", limit: int = 100) -> Iterator[CommonList]:
        """The pages of one run: the customers with neither manager nor branch."""
        return self._pages(CommonList, "/list", language=language, limit=limit)

    def branch(self, branch_id: str, limit: int = 100) -> Iterator[BranchSummary]:
        """The pages of one run."""
        return self._pages(BranchSummary, f"/branches/{_part(branch_id)}/summary", limit=limit)

    def campaigns(self, limit: int = 100) -> Iterator[Campaigns]:
        """The pages of one run."""
        return self._pages(Campaigns, "/campaigns", limit=limit)

    def campaign(self, campaign_id: str) -> CampaignAnswer:
        return self._answer(CampaignAnswer, self._request("GET", f"/campaigns/{_part(campaign_id)}"))

    def preview_campaign(self, plan: Mapping[str, Any]) -> PlanPreview:
        """``plan``: the fields of Plan in configs/campaigns.py, dates as text."""
        return self._answer(PlanPreview, self._request("POST", "/campaigns/preview", body=plan))

    def create_campaign(self, key: str, plan: Mapping[str, Any]) -> CampaignAnswer:
        """After any failure send the same under the same key again."""
        request = self._request("POST", "/campaigns", body=plan)
        request.add_header("Idempotency-Key", key)
        return self._answer(CampaignAnswer, request)

    def decide_campaign(self, campaign_id: str, decision: DecisionName, why: str = "") -> CampaignAnswer:
        body = {"decision": decision, "why": why}
        request = self._request("POST", f"/campaigns/{_part(campaign_id)}/approval", body=body)
        return self._answer(CampaignAnswer, request)

    def campaign_customers(
        self, campaign_id: str, language: str = "en", limit: int = 100
    ) -> Iterator[CampaignCustomers]:
        """The pages of one run: the customers to contact."""
        address = f"/campaigns/{_part(campaign_id)}/members"
        return self._pages(CampaignCustomers, address, language=language, limit=limit)

    def runs(self) -> Runs:
        return self._answer(Runs, self._request("GET", "/runs"))

    def run(self, run_id: str = "latest") -> RunSchema:
        return self._answer(RunSchema, self._request("GET", f"/runs/{_part(run_id)}"))

    def model_card(self, run_id: str = "latest") -> ModelCard:
        return self._answer(ModelCard, self._request("GET", f"/runs/{_part(run_id)}/model-card"))

    def record_contact(
        self, key: str, customer_id: str, outcome: Outcome | None, **more: Any
    ) -> ContactRecorded:
        """``more``: the other fields. After any failure send the same under the same key again."""
        sent = {"customer_id": customer_id, "outcome": outcome, **more}
        request = self._request("POST", "/contacts", body=sent)
        request.add_header("Idempotency-Key", key)
        return self._answer(ContactRecorded, request)

    def record_contacts(self, contacts: Iterable[Mapping[str, Any]]) -> Iterator[BatchAnswer]:
        """The answers to any number of contacts in their order, 500 sent at a time; each has its ``key``.

        What the service refused says why in ``problem``. After any failure send the same again.
        """
        waiting = iter(contacts)
        while batch := list(islice(waiting, MOST)):
            request = self._request("POST", "/contacts/batch", body={"contacts": batch})
            yield from self._answer(ContactsRecorded, request).answers

    def contacts_since(self, cursor: str | None = None) -> Iterator[RecordedContacts]:
        """The pages of what was recorded since a cursor, or ever.

        Keep ``next_cursor`` once a page is stored; there is always one after the first entry.
        """
        return self._feed(RecordedContacts, "/contacts", "contacts", cursor)

    def record_feedback(
        self, key: str, customer_id: str, feedback: Feedback, **more: str | None
    ) -> FeedbackRecorded:
        """``more``: manager_id, run_id. After any failure send the same under the same key again."""
        address = f"/customers/{_part(customer_id)}/alert-feedback"
        request = self._request("POST", address, body={"feedback": feedback, **more})
        request.add_header("Idempotency-Key", key)
        return self._answer(FeedbackRecorded, request)

    def feedback_since(self, cursor: str | None = None) -> Iterator[RecordedFeedback]:
        """The pages of the verdicts recorded since a cursor, or ever."""
        return self._feed(RecordedFeedback, "/alert-feedback", "alert_feedback", cursor)

    def announcements(self, cursor: str | None = None) -> Iterator[Announcements]:
        """The pages of what was published or rolled back since a cursor, or ever; keep ``next_cursor``."""
        return self._feed(Announcements, "/publications", "announcements", cursor)

    def alert_precision(self) -> AlertPrecision:
        return self._answer(AlertPrecision, self._request("GET", "/alert-feedback/precision"))

    def opt_out(self, customer_id: str) -> OptOut:
        return self._answer(OptOut, self._request("PUT", f"/customers/{_part(customer_id)}/opt-out"))

    def withdraw_opt_out(self, customer_id: str) -> OptOut:
        return self._answer(OptOut, self._request("DELETE", f"/customers/{_part(customer_id)}/opt-out"))

    def update(self, since: str | None) -> Update:
        """The rows that bring a copy of run ``since`` up to date: all scores without one or if gone."""
        whole = since is None
        address, query = ("/exports/scores", {}) if whole else ("/exports/changes", {"since": since})
        try:
            response = self._opened(self._request("GET", address, query))
        except ProblemError as problem:
            if whole or problem.status != 410:
                raise
            return self.update(None)
        run_id, day = response.headers["Attrition-Run"], response.headers["Attrition-Snapshot-Date"]
        return Update(run_id, date.fromisoformat(day), whole, _rows(response))

    def _pages(self, kind: Any, address: str, **asked: Any) -> Iterator[Any]:
        page = self._answer(kind, self._request("GET", address, asked))
        yield page
        while page.next_cursor:
            page = self._answer(kind, self._request("GET", address, asked | {"cursor": page.next_cursor}))
            yield page

    def _feed(self, kind: Any, address: str, rows: str, cursor: str | None) -> Iterator[Any]:
        """Pages until one is empty."""
        while True:
            asked = {"limit": MOST} | ({"cursor": cursor} if cursor else {})
            page = self._answer(kind, self._request("GET", address, asked))
            if not getattr(page, rows):
                return
            yield page
            cursor = page.next_cursor

    def _answer(self, kind: Any, request: Request) -> Any:
        with self._opened(request) as response:
            return TypeAdapter(kind).validate_json(_unpacked(response).read())

    def _request(
        self, method: str, address: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Request:
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Accept-Encoding": _PACKED, "Content-Type": "application/json"}
        return Request(f"{self._address}/v1{address}{asked}", content, headers, method=method)

    def _opened(self, request: Request) -> Any:
        """The response, once it begins; every request may be sent again."""
        pauses = iter(self._pauses)
        while True:
            pause, after = next(pauses, None), 0.0
            try:
                request.add_header("Authorization", f"Bearer {self._token()}")
                return urlopen(request, timeout=SECONDS)
            except HTTPError as refused:
                with refused:
                    problem = _problem(refused)
                if pause is None or problem.status not in BUSY:
                    raise problem from None
                after = problem.after
            except (OSError, HTTPException):  # not reached, or cut off: as good as busy
                if pause is None:
                    raise
            self._wait(max(pause, after))


def _part(number: str) -> str:
    return quote(number, safe="")


def _unpacked(response: Any) -> Any:
    packed = response.headers.get("Content-Encoding") == "gzip"
    return gzip.GzipFile(fileobj=response) if packed else response


def _rows(response: Any) -> Iterator[dict[str, Any]]:
    """Buffered here: a response's own lines would end without a word where the stream breaks off."""
    with response:
        for line in io.BufferedReader(_unpacked(response)):
            yield json.loads(line)


def _problem(refused: HTTPError) -> ProblemError:
    """Something between the caller and the service may have answered in its place, and not in JSON."""
    after = refused.headers.get("Retry-After", "")
    try:
        problem = json.loads(_unpacked(refused).read())
        return ProblemError(
            refused.code, problem["detail"], problem["remedy"], float(after) if after.isdigit() else 0
        )
    except (ValueError, KeyError, TypeError):
        return ProblemError(refused.code, refused.reason, "This is no answer of the service.")
