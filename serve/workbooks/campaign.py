"""The workbooks of a campaign: the customers to contact, one file per manager and one per branch."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from xlsxwriter import Workbook

from configs.call_lists import ListTerms
from configs.campaigns import Campaign, CampaignMember
from configs.files import flush_to_disk
from configs.published import AHEAD_DAYS, PastContact, Profile, Score
from serve.store import contacts
from serve.store.campaign_members import members
from serve.store.list_rows import last_contact
from serve.store.read_session import LONGEST, ReadSession
from serve.texts.campaigns import step_in_words
from serve.workbooks.excel import OPTIONS, in_name
from serve.workbooks.layout import Column, fitted, head, page, row_height, styles
from serve.workbooks.sheets import (
    OF_MONEY,
    Context,
    last_contact_in_words,
    maturing_in_words,
    person_columns,
    write_cells,
)


@dataclass(frozen=True)
class CampaignRow:
    """One row per customer to contact; the score is that of the run that was read."""

    member: CampaignMember
    score: Score
    profile: Profile
    last_contact: PastContact | None


def write_campaign(
    folder: Path, read_session: ReadSession, campaign: Campaign, terms: ListTerms
) -> list[Path]:
    """One workbook per manager and one per branch, of all its customers; ``list.xlsx`` for neither.

    On disk when it returns; the files, sorted by name. The same run gives the same bytes.
    """
    by_name: defaultdict[str, list[CampaignMember]] = defaultdict(list)
    for member in members(read_session, campaign.campaign_id):
        if member.manager_id:
            by_name[f"manager_{in_name(member.manager_id)}.xlsx"].append(member)
        if member.branch_id:
            by_name[f"branch_{in_name(member.branch_id)}.xlsx"].append(member)
        elif not member.manager_id:
            by_name["list.xlsx"].append(member)
    folder.mkdir(parents=True, exist_ok=True)
    for name, of_file in by_name.items():
        (folder / name).write_bytes(campaign_workbook(read_session, campaign, of_file, terms))
        flush_to_disk(folder / name)
    return sorted(folder / name for name in by_name)


def campaign_workbook(
    read_session: ReadSession, campaign: Campaign, listed: Sequence[CampaignMember], terms: ListTerms
) -> bytes:
    """An .xlsx of customers to contact, in their order; it is not read back."""
    context, content = Context(read_session.run, terms), BytesIO()
    words, plan = context.words, campaign.plan
    created = datetime.combine(campaign.sent_on or context.run.snapshot_date, time())
    with Workbook(content, OPTIONS) as workbook:
        workbook.set_properties({"title": plan.title, "comments": context.run.run_id, "created": created})
        style, sheet = (
            styles(workbook, words("font"), words("excel.money")),
            workbook.add_worksheet(words("campaign.sheet")),
        )
        rows = _rows(read_session, listed)
        columns = _columns(context, campaign, rows)
        facts = words(
            "campaign.sheet.facts",
            channel=words.term("channel", plan.channel),
            period=words("campaign.period", start=words.day(plan.starts_on), end=words.day(plan.last_day)),
            count=words.count(len(rows)),
        )
        top = head(sheet, columns, style, (plan.title, facts, context.source))
        formats = [style[column.style] for column in columns]
        for place, row in enumerate(rows, start=top + 1):
            cells = [column.cell(row) for column in columns]
            write_cells(sheet, place, cells, formats)
            wrapped = [(str(cell), column.width) for cell, column in zip(cells, columns, strict=True)
                       if column.style == "wrapped"]  # fmt: skip
            sheet.set_row(place, row_height(wrapped, words("font")))
        sheet.write_string(top + len(rows) + 2, 0, words("campaign.sheet.note"), style["small"])
        sheet.autofilter(top, 0, top + len(rows), len(columns) - 1)
        page(sheet, top, footer=(context.source, words("page")))
    return content.getvalue()


def _rows(session: ReadSession, listed: Sequence[CampaignMember]) -> list[CampaignRow]:
    """As the run knows them, whenever they are made."""
    rows = []
    for start in range(0, len(listed), LONGEST):
        part = listed[start : start + LONGEST]
        names = [member.customer_id for member in part]
        scores, profiles = session.scores(names), session.profiles(names)
        recorded = contacts.newest_before(session.connection, names, session.run.snapshot_date)
        for member in part:
            name = member.customer_id
            profile = profiles.get(name, Profile(name, MappingProxyType({})))
            rows.append(CampaignRow(member, scores[name], profile, last_contact(profile, recorded.get(name))))
    return rows


def _columns(context: Context, campaign: Campaign, rows: Sequence[CampaignRow]) -> list[Column]:
    words = context.words
    numbers = [row.member.customer_id for row in rows]
    managers = [row.member.manager_id or "" for row in rows]
    step = step_in_words(campaign.plan, words)
    columns = [
        Column("rank", words("column.rank"), "count", 5, lambda row: row.member.rank),
        Column("customer", words("column.customer"), "id", fitted(numbers, 12, 26),
               lambda row: row.member.customer_id),
        *person_columns(words, [row.profile for row in rows]),
        Column("manager", words("column.manager"), "id", fitted(managers, 12, 20),
               lambda row: row.member.manager_id or ""),
        Column("tier", words("campaign.rule.tiers"), "wrapped", 11,
               lambda row: context.tier(row.member.tier)),
        Column("stage", words("column.stage"), "wrapped", 11,
               lambda row: words.term("stage", row.member.lifecycle_stage)),
        Column("aum", words("column.aum"), "money", 12, lambda row: row.score.aum_minor / 100),
        Column("risk", words("column.risk", days=context.run.horizon_days), "share", 8,
               lambda row: row.member.risk),
        Column("keep", words("column.keep"), "money_bold", 12,
               lambda row: row.member.expected_value_minor / 100),
        Column("money", words("column.money"), "money", 12, lambda row: row.member.money_at_risk_minor / 100),
        Column("why", words("column.why"), "wrapped", 46,
               lambda row: "\n".join(map(words.of, row.score.reasons[: context.terms.reasons]))),
        Column("maturing", words("column.maturing", days=AHEAD_DAYS), "wrapped", 30,
               lambda row: maturing_in_words(context, row.profile.maturities)),
        Column("contact", words("column.contact"), "wrapped", 14,
               lambda row: last_contact_in_words(context, row.last_contact, None)),
        Column("next_step", words("column.next_step"), "wrapped", 22, lambda _: step),
    ]  # fmt: skip
    of_money = {*OF_MONEY, "tier"}
    return [column for column in columns if context.run.has_money or column.name not in of_money]
