"""The call lists of a Monday: the facts they rest on, the choice, and each listed customer's next step."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import date, timedelta
from math import ceil
from types import MappingProxyType

from sqlalchemy import Connection

from configs.call_lists import CallList, Week
from configs.errors import ConfigError
from configs.list_settings import Lists
from configs.published import Decision, Maturity, Run
from configs.response import Response
from configs.settings import Settings
from pipeline.artefacts import fingerprint
from pipeline.context import Context
from pipeline.ingest.renumbered import Numbers, newest_numbers
from pipeline.lists.decisions import choose
from pipeline.lists.experiment import Effect
from pipeline.lists.households import with_households
from pipeline.lists.policies import POLICIES, outcomes_by_cell, policies_at, response_by
from pipeline.lists.reached import contact_days, reached
from pipeline.lists.service import with_contact_due
from pipeline.progress import log
from pipeline.scoring.score import Publication, run_id_of
from pipeline.tables import Ingested
from serve.store import assignments, campaign_sending, contacts
from serve.store.store import Store
from serve.texts.service import step_and_contact_due

FOLLOW_UP_STAYS = timedelta(weeks=4)  # for so long a follow-up that nobody made stays on the list
RECENT = timedelta(weeks=4)  # whoever stood on an older list does not stay on for that


def choose_lists(
    bank: Context, tables: Ingested, publication: Publication, effect: Effect
) -> tuple[Publication, tuple[CallList, ...]]:
    """The lists of a run, which bears what they rest on in its run_id: other lists are another run.

    The response is learnt from the ``effect`` of earlier calls.
    """
    lists = bank.settings.lists
    monday = publication.run.snapshot_date
    known_reached = reached(tables, lists, monday, monday - timedelta(weeks=lists.cool_down_weeks + 1))
    days = contact_days(tables, lists, monday)
    with Store(bank.home.store) as store, store.read() as connection:
        policy = policies_at(connection, monday)[-1]
    response = response_by(policy, bank.settings, effect.rows, monday, effect.matured)
    with Store(bank.home.store) as store, store.write() as connection:
        week = week_of(connection, monday, bank.settings.label.weeks_to_close, response, known_reached)
        often = contacted_often(connection, days, lists, monday)
    least, costs = least_value(bank.settings), costs_of(bank.settings)
    occasions = publication.last_occasion
    week = replace(week, last_occasion=occasions, least_value_minor=least, costs_minor=costs)
    week = replace(week, outcomes=outcomes_by_cell(bank.settings, effect.rows, monday))
    week = replace(under_newest_numbers(week, newest_numbers(tables)), often=often)
    week = with_households(week, publication.households, lists)
    scores = with_contact_due(bank.settings, tables, publication.scores, monday, week.opted_out)
    publication = replace(publication, scores=scores)
    chosen = choose(publication.scores, publication.managers, lists, week)
    log_unpaying(chosen, max(least, min(costs.values(), default=0)))
    with_steps = with_next_steps(bank.settings, publication.maturities, monday, chosen)
    return replace(publication, run=_with_lists(publication.run, week, policy)), with_steps


def week_of(
    connection: Connection, monday: date, weeks: int, response: Response, bank_reached: Mapping[str, date]
) -> Week:
    """The facts that the lists of ``monday`` rest on; ``bank_reached`` has those of the bank's own contacts.

    Lists, assignments and contacts count from before that Monday only, so that a rerun finds the same; an
    opt-out counts at once.
    """
    recorded = contacts.last_reached(connection, monday)
    last = {name: max(day, recorded.get(name, day)) for name, day in {**recorded, **bank_reached}.items()}
    week = monday - FOLLOW_UP_STAYS, monday + timedelta(weeks=1)
    agreed = contacts.newest_with_follow_up(connection, monday, *week)
    return Week(
        monday,
        weeks,
        response,
        contacts.opted_out(connection),
        last,
        assignments.assigned_last(connection, monday - RECENT, monday),
        assignments.holding(connection, monday),
        # Whoever was reached since, by the bank's own contacts, has had that call.
        follow_up={name: day for name, day in agreed.items() if last.get(name, date.min) < day},
        in_campaign=campaign_sending.in_campaign(connection, monday),
    )


def contacted_often(
    connection: Connection, days: Mapping[str, int], lists: Lists, monday: date
) -> frozenset[str]:
    """Whoever was contacted as often before ``monday`` as lists and campaigns may; both ask here.

    ``days`` are those of contacts that the tables know; a campaign's message counts as one more.
    """
    if not lists.most_contacts:
        return frozenset()
    since = monday - timedelta(weeks=lists.contact_weeks)
    contacted = Counter(days) + Counter(campaign_sending.unrecorded(connection, since, monday))
    return frozenset(name for name, count in contacted.items() if count >= lists.most_contacts)


def under_newest_numbers(week: Week, numbers: Numbers) -> Week:
    """The facts of a week by the newest number of each customer; of two who became one the newest
    assignment holds."""
    assigned = sorted(week.assignments.items(), key=lambda pair: (pair[1].assigned_on, pair[0]))
    return replace(
        week,
        selected=frozenset(map(numbers.of, week.selected)),
        assignments={numbers.of(name): assignment for name, assignment in assigned},
    )


def least_value(settings: Settings) -> int:
    """The bank's own floor of the money (minor units) that any contact must be expected to keep."""
    return _minor(settings.lists.least_value) if settings.counts == "money" else 0


def costs_of(settings: Settings) -> dict[str, int]:
    """By channel the money (minor units) that a contact must keep to pay for itself."""
    if settings.counts != "money":
        return {}
    call_cost, margin = settings.profit.call_cost, settings.profit.margin
    return {
        channel.name: _minor(channel.cost_of_one(call_cost) / margin) for channel in settings.lists.channels
    }


def _minor(amount: float) -> int:
    return ceil(round(100 * amount, 6))


def log_unpaying(lists: Sequence[CallList], least_minor: int) -> None:
    """Say so where calls could be made and none pays."""
    unpaying = [
        decision.expected_value_minor
        for call_list in lists
        for decision in call_list.decisions
        if decision.decision == "not_paying"
    ]
    if unpaying and not any(call_list.listed for call_list in lists):
        log.warning(
            "lists     nobody is listed: a contact must be expected to keep %s (its cost / "
            "profit.margin, or lists.least_value), and the most that one keeps is %s. Set them to the bank's "
            "own figures.",
            f"{least_minor / 100:,.0f}", f"{max(unpaying) / 100:,.0f}",
        )  # fmt: skip


def check_salt(settings: Settings) -> None:
    """Raises ConfigError where anybody could work out the control group, and call it all the same.

    Nobody is fooled in a bank whose approval is automatic: there are no managers.
    """
    if (
        settings.promotion.approval != "automatic"
        and settings.lists.control_group_share
        and not settings.lists.salt
    ):
        raise ConfigError(
            "lists.salt is empty, so that anybody can work out the control group. Set it in "
            f"configs/banks/{settings.bank}/bank.toml, to what `openssl rand -hex 16` prints."
        )


def with_next_steps(
    settings: Settings,
    due: Mapping[str, Sequence[Maturity]],
    monday: date,
    lists: Sequence[CallList],
) -> tuple[CallList, ...]:
    """The lists with what to do first for each listed customer, in both languages; ``due`` by customer.

    A contact that is due by a service standard is named after it: it is seldom what makes the call urgent.
    """
    standards = settings.service_standards

    def stepped(call_list: CallList) -> Iterator[Decision]:
        scores = {score.customer_id: score for score in call_list.listed}
        for decision in call_list.decisions:
            if score := scores.get(decision.customer_id):
                step = settings.next_steps.suggested(score, due.get(score.customer_id, ()), monday)
                en = step_and_contact_due(step.en, standards, score, monday, "en")
                zh = step_and_contact_due(step.zh, standards, score, monday, "zh")
                decision = replace(decision, next_step_en=en, next_step_zh=zh)
            yield decision

    return tuple(replace(call_list, decisions=tuple(stepped(call_list))) for call_list in lists)


def _with_lists(run: Run, week: Week, policy: str) -> Run:
    """The run under the name of all that went into it, lists included."""
    facts = (
        sorted(week.opted_out),
        sorted(week.reached.items()),
        sorted(week.last_occasion.items()),
        sorted(week.selected),
        sorted((name, *astuple(assignment)) for name, assignment in week.assignments.items()),
        week.response.figures(),
        (week.least_value_minor, sorted(week.costs_minor.items()), sorted(week.outcomes.items())),
        *([sorted(week.follow_up.items())] if week.follow_up else []),
        *([sorted(week.in_campaign.items())] if week.in_campaign else []),
        *([sorted(week.often)] if week.often else []),
    )
    went_in = dict(run.manifest) | {"lists": fingerprint(repr(facts))}
    went_in |= {} if policy == POLICIES[0] else {"policy": policy}
    return replace(run, run_id=run_id_of(run.snapshot_date, went_in), manifest=MappingProxyType(went_in))
