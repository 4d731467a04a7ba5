"""Campaigns that are approved and due are sent, each in one transaction: once and whole."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from configs.call_lists import Assignment
from configs.campaigns import Campaign
from configs.errors import ConfigError
from configs.files import whole_folder
from pipeline.campaigns.audience import AudienceFacts, members_of
from pipeline.campaigns.effect import campaign_figures
from pipeline.context import Context
from pipeline.ingest.renumbered import Numbers, newest_numbers
from pipeline.lists.call_lists import contacted_often
from pipeline.lists.control_group import held_by_name
from pipeline.lists.reached import contact_days
from pipeline.progress import log, step
from pipeline.tables import Ingested
from serve.store import assignments, campaign_members, campaign_sending, campaigns, tables
from serve.store.audience import audience, outcome_time
from serve.store.contacts import Author
from serve.store.read_session import ReadSession, find
from serve.store.store import Store
from serve.workbooks.campaign import write_campaign


@dataclass(frozen=True)
class Sending:
    """A campaign that was due, and the counts of ``members_of``; not sent where nobody is contacted."""

    campaign: Campaign
    counts: Mapping[str, Any]

    @property
    def contacts(self) -> int:
        return int(self.counts.get("contact", 0))


def send_due(bank: Context, ingested: Ingested) -> list[Sending]:
    """Send what is approved and due on the Monday of the served run, and make the workbooks anew.

    A campaign without anybody to contact is not sent and stays approved. Raises ConfigError where anybody
    could work out its control group.
    """
    with step("campaigns") as counts, Store(bank.home.store) as store:
        with store.at_run() as session:
            monday = session.run.snapshot_date
            waiting = campaign_sending.due(session.connection, monday)
        sendings = []
        if waiting:
            _check_salt(bank, waiting)
            days, numbers = contact_days(ingested, bank.settings.lists, monday), newest_numbers(ingested)
            sendings = [_send(bank, store, campaign, days, numbers) for campaign in waiting]
        _write_workbooks(bank, store)
        counts["sent"] = sum(bool(sending.contacts) for sending in sendings)
        counts["contacts"] = sum(sending.contacts for sending in sendings)
    return sendings


def _send(
    bank: Context, store: Store, campaign: Campaign, days: Mapping[str, int], numbers: Numbers
) -> Sending:
    """Consent, opt-outs and everything else are as of this transaction."""
    settings, name = bank.settings, campaign.campaign_id
    with store.write() as connection:
        session = ReadSession(connection, find(connection))
        run = session.run
        if not campaigns.campaign_of(connection, name).due(run.snapshot_date):
            return Sending(campaign, {})  # withdrawn meanwhile
        weeks = max(settings.label.weeks_to_close, settings.lists.cool_down_weeks)
        facts = AudienceFacts(
            run.snapshot_date,
            run.snapshot_date + timedelta(weeks=weeks),
            contacted_often(connection, days, settings.lists, run.snapshot_date),
            *_assignments(session, numbers),
        )
        members, counts = members_of(campaign, audience(session, campaign.plan.rule), settings.lists, facts)
        if not counts.get("contact"):
            log.warning(
                "campaigns %s %r reaches nobody on %s and waits: its rule fits %s, left out are %s, and "
                "control groups have %s.",
                name, campaign.plan.title, run.snapshot_date, f"{counts['fits']:,}", counts["left_out"],
                counts.get("control", 0) + counts.get("lasting_control", 0),
            )  # fmt: skip
            return Sending(campaign, counts)
        author = Author(bank.user, bank.audit_key)
        campaign_sending.write_sent(connection, campaign, run, members, counts, author, bank.clock())
        rows = [
            row
            for row in campaign_sending.member_rows(connection, run.snapshot_date)
            if row.campaign_id == name
        ]
        figures = campaign_figures(settings, campaign, rows, run.snapshot_date)
        campaign_members.write_result(connection, name, run.snapshot_date, figures)
    log.info(
        "campaigns %s %r sent: %s contacts, %s in its control group, %s in the lasting one",
        name, campaign.plan.title,
        *(f"{counts.get(arm, 0):,}" for arm in ("contact", "control", "lasting_control")),
    )  # fmt: skip
    return Sending(campaign, counts)


def _assignments(session: ReadSession, numbers: Numbers) -> tuple[dict[str, Assignment], frozenset[str]]:
    """The assignments of the lists that hold, by name, and the names of those whose outcome is open."""
    scores, monday = tables.scores, session.run.snapshot_date
    in_households = select(scores.c.customer_id, scores.c.household_id).where(
        scores.c.run_version == session.run_version, scores.c.household_id.is_not(None)
    )
    homes = {row.customer_id: row.household_id for row in session.connection.execute(in_households)}
    holding = assignments.holding(session.connection, monday + timedelta(days=1))
    since = monday - outcome_time(session)
    waiting = {name: each for name, each in holding.items() if each.assigned_on > since}
    held, of_open = (held_by_name(each, homes, numbers.of) for each in (holding, waiting))
    return held, frozenset(of_open)


def _check_salt(bank: Context, waiting: tuple[Campaign, ...]) -> None:
    measured = [campaign.campaign_id for campaign in waiting if campaign.plan.measurable]
    if measured and not bank.settings.lists.salt and bank.settings.promotion.approval != "automatic":
        raise ConfigError(
            f"lists.salt is empty, so that anybody can work out the control group of campaign {measured[0]}. "
            f"Set it in configs/banks/{bank.settings.bank}/bank.toml, to what `openssl rand -hex 16` prints."
        )


def _write_workbooks(bank: Context, store: Store) -> None:
    """The workbooks of each campaign that runs, made anew: without who opted out since.

    Those of one that has ended or was withdrawn go.
    """
    with store.at_run() as session:
        running = [
            campaign
            for campaign in campaign_sending.sent(session.connection)
            if campaign.state(session.run.snapshot_date) == "sent"
        ]
        terms = session.list_terms()
        for campaign in running:
            with whole_folder(bank.home.campaigns / campaign.campaign_id) as draft:
                if terms:
                    write_campaign(draft, session, campaign, terms)
    names = {campaign.campaign_id for campaign in running}
    for folder in bank.home.campaigns.glob("*") if bank.home.campaigns.is_dir() else ():
        if folder.name not in names:
            shutil.rmtree(folder)
