"""Outcomes that managers recorded in the score store, as contacts beside the bank's own.

They are laid over the tables as a folder of their own and made anew after each ingest, so that no contact is
there twice and every snapshot sees what was known before it: a contact happened when the call took place, and
counts from the day on which it was recorded to that on which it was corrected. A call that the bank's systems
tell too is one contact (same customer and manager, on the same day or the next to it): from the day on which
the bank's row was known that row counts, and before it ours.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import zip_longest

import duckdb
import pyarrow as pa

from configs.files import is_whole, whole_folder, write_manifest
from configs.tables import TABLES
from pipeline.artefacts import Home, fingerprint, keep_only, write_json, write_text
from pipeline.ingest.buckets import layout_of, write_buckets
from pipeline.ingest.checks import bucket_of
from pipeline.tables import RECORDED, ContactOverlay, Ingested, overlay_name
from serve.store.contacts import Contact

# What the outcomes that a manager can choose are in the words of the contract.
OUTCOMES = {
    "will_stay": "answered", "undecided": "answered", "leaving": "answered",
    "no_answer": "no_answer", "not_interested": "declined", "no_contact": "declined",
}  # fmt: skip
CONTACTS = TABLES["contacts"]


def overlay_contacts(home: Home, tables: Ingested, contacts: Sequence[Contact]) -> Ingested:
    """The tables with these contacts beside the bank's own; the same again change nothing on disk."""
    rows = _deduplicate(tables, _rows(contacts))
    pointer = home.root / "tables" / RECORDED
    if not len(rows):
        pointer.unlink(missing_ok=True)
        return replace(tables, overlay=None)
    digests = _digests(rows)
    name = f"{RECORDED}-{fingerprint(tables.fingerprint, str(tables.buckets), digests[-1][1])}"
    if not is_whole(pointer.with_name(name)):
        with whole_folder(pointer.with_name(name)) as draft:
            write_buckets(rows.to_reader(), draft / CONTACTS.name, tables.buckets, *layout_of(CONTACTS))
            write_json(draft / "ingest.json", {"buckets": tables.buckets, "digests": digests})
            write_manifest(draft)
    before = overlay_name(home) or name
    write_text(pointer, name + "\n")
    # The one before stays for who is still reading it.
    folders = {path.name for path in pointer.parent.iterdir()}
    older = {folder for folder in folders if folder.startswith(f"{RECORDED}-")} - {name, before}
    keep_only(pointer.parent, folders - older)
    return replace(tables, overlay=ContactOverlay(name, tuple(digests)))


def _rows(contacts: Sequence[Contact]) -> pa.Table:
    """One row per customer, manager, day of the call and time for which an entry stood for it, in the columns
    of the contract and with the day until which it did; ``contacts`` are all entries, the oldest first.
    """
    entries = list(_standing(contacts))
    columns = {
        "contact_id": [name for name, _, _, _ in entries],
        "customer_id": [contact.customer_id for _, contact, _, _ in entries],
        "manager_id": [contact.manager_id for _, contact, _, _ in entries],
        "contacted_at": pa.array(
            [contact.happened_at.replace(tzinfo=None) for _, contact, _, _ in entries], pa.timestamp("us")
        ),
        "channel": [contact.channel or "phone" for _, contact, _, _ in entries],
        "purpose": ["retention"] * len(entries),
        "outcome": [OUTCOMES[contact.outcome] for _, contact, _, _ in entries],
        "known_on": pa.array([since for _, _, since, _ in entries], pa.date32()),
        "until": pa.array([until for _, _, _, until in entries], pa.date32()),
    }
    return pa.table(columns)


def _standing(contacts: Sequence[Contact]) -> Iterator[tuple[str, Contact, date, date | None]]:
    """Name, entry and the days from and until which it stood for the calls of one manager to one customer on
    one day: the last one recorded by then and not corrected by then.
    """
    ends = {entry.corrects: entry.recorded_at.date() for entry in contacts}
    calls: defaultdict[tuple[str, str, date], list[Contact]] = defaultdict(list)
    for entry in contacts:
        if entry.outcome:
            calls[entry.customer_id, entry.manager_id, entry.happened_at.date()].append(entry)
    for entries in calls.values():
        spans = [(entry, entry.recorded_at.date(), ends.get(entry.contact_id, date.max)) for entry in entries]
        days = sorted({day for _, *span in spans for day in span} - {date.max})
        last = [
            next((entry for entry, since, until in reversed(spans) if since <= day < until), None)
            for day in days
        ]
        changes = [k for k in range(len(days)) if k == 0 or last[k] != last[k - 1]]
        for k, until in zip_longest(changes, [days[k] for k in changes[1:]]):
            if standing := last[k]:
                again = "" if days[k] == standing.recorded_at.date() else f"-{days[k]}"
                yield f"{RECORDED}-{standing.contact_id}{again}", standing, days[k], until


def _deduplicate(tables: Ingested, rows: pa.Table) -> pa.Table:
    """The rows with the day from which a twin of the bank's stands for them; without those that never count.

    A customer whom the tables do not know has no contacts either, and none from before the first account.
    """
    if not len(rows):
        return rows
    bank_files = {
        table: [str(path) for path in replace(tables, overlay=None).parts(table)]
        for table in ("customers", "contacts")
    }
    own = (
        f"SELECT customer_id, manager_id, contacted_at::DATE AS day, known_on "
        f"FROM read_parquet({bank_files['contacts']}, hive_partitioning = false)"
    )
    if not bank_files["contacts"]:
        own = "SELECT '' AS customer_id, '' AS manager_id, NULL::DATE AS day, NULL::DATE AS known_on"
    with duckdb.connect() as con:
        con.register("recorded", rows)
        return con.sql(
            f"""
            WITH own AS ({own}),
                known AS (SELECT customer_id, min(opened_on) AS opened_on
                    FROM read_parquet({bank_files["customers"]}) GROUP BY ALL)
            SELECT * FROM (
                SELECT r.* EXCLUDE (until), least(r.until, (SELECT min(o.known_on) FROM own AS o
                    WHERE o.customer_id = r.customer_id AND o.manager_id = r.manager_id
                    AND abs(o.day - r.contacted_at::DATE) <= 1)) AS superseded_on,
                    {bucket_of("r.customer_id", tables.buckets)} AS _bucket
                FROM recorded AS r JOIN known USING (customer_id)
                WHERE known.opened_on IS NULL OR known.opened_on <= r.contacted_at::DATE
            ) WHERE superseded_on IS NULL OR superseded_on > known_on ORDER BY contact_id
            """
        ).to_arrow_table()


def _digests(rows: pa.Table) -> list[tuple[date, str]]:
    """Per day on which something became known: a digest of everything known until then."""
    news: dict[date, list[str]] = {}
    for row in rows.to_pylist():
        until = row.pop("superseded_on")
        news.setdefault(row["known_on"], []).append(repr(sorted(row.items())))
        if until:
            news.setdefault(until, []).append(f"superseded {row['contact_id']}")
    digests: list[tuple[date, str]] = []
    for day in sorted(news):
        before = digests[-1][1] if digests else ""
        digests.append((day, fingerprint(before, *sorted(news[day]))))
    return digests
