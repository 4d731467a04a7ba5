"""Outcomes that managers recorded in the score store, as contacts beside the bank's own.

They are laid over the tables as a folder of their own and made anew after each ingest, so that no contact is
there twice and every snapshot sees what was known before it: a contact counts from the day on which it was
recorded. A call that the bank's systems tell too is one contact (same customer and manager, on the same day
or the next to it): from the day on which the bank's row was known that row counts, and before it ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

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
    """One row per customer, manager and day, in the columns of the contract; the last record counts."""
    days = {
        (contact.customer_id, contact.manager_id, contact.recorded_at.date()): contact for contact in contacts
    }
    contacts = list(days.values())
    columns = {
        "contact_id": [f"{RECORDED}-{contact.contact_id}" for contact in contacts],
        "customer_id": [contact.customer_id for contact in contacts],
        "manager_id": [contact.manager_id for contact in contacts],
        "contacted_at": pa.array(
            [contact.recorded_at.replace(tzinfo=None) for contact in contacts], pa.timestamp("us")
        ),
        "channel": ["phone"] * len(contacts),
        "purpose": ["retention"] * len(contacts),
        "outcome": [OUTCOMES[contact.outcome] for contact in contacts],
        "known_on": pa.array([contact.recorded_at.date() for contact in contacts], pa.date32()),
    }
    return pa.table(columns)


def _deduplicate(tables: Ingested, rows: pa.Table) -> pa.Table:
    """The rows with the day from which a twin of the bank's stands for them; without those that never count.

    A customer whom the tables do not know has no contacts either.
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
                known AS (SELECT DISTINCT customer_id FROM read_parquet({bank_files["customers"]}))
            SELECT * FROM (
                SELECT r.*, (SELECT min(o.known_on) FROM own AS o WHERE o.customer_id = r.customer_id
                    AND o.manager_id = r.manager_id
                    AND abs(o.day - r.contacted_at::DATE) <= 1) AS superseded_on,
                    {bucket_of("r.customer_id", tables.buckets)} AS _bucket
                FROM recorded AS r SEMI JOIN known USING (customer_id)
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
