"""Commands of operation: data in, the weekly run, its lists and their mail, the score store."""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from configs.dates import latest_monday, mondays
from pipeline.commands.options import (
    DATA,
    AsOf,
    BankOption,
    DataOption,
    RawOption,
    context_of,
    folder,
    monday_option,
    store_of,
    terminal_wording,
    writing,
)
from pipeline.progress import log, progress_bar, start_logging, step

app, weekly_verbs, store_verbs = typer.Typer(), typer.Typer(), typer.Typer()


@app.command("demo-bank")
def demo_bank(
    out: Annotated[Path, typer.Option(callback=folder, help="folder for the extracts")],
    customers: Annotated[int, typer.Option(min=100)] = 5000,
    weeks: Annotated[int, typer.Option(min=30)] = 130,
    seed: int = 7,
    weekly: Annotated[int, typer.Option(min=0, help="the last so many weeks in files of their own")] = 0,
    until: Annotated[
        date | None, monday_option("--until", "the Monday before which the extracts end; default 2026-11-16")
    ] = None,
) -> None:
    """Write the raw extracts of a made-up bank, and beside them the truth of who leaves and why."""
    from pipeline.demo_bank import write_demo_bank
    from pipeline.example_banks import SNAPSHOT_DATE

    start_logging()
    with step("demo-bank") as counts, progress_bar("weeks") as on_week:
        write_demo_bank(out, customers, weeks, seed, until or SNAPSHOT_DATE, on_week, weekly)
        counts |= {"customers": customers, "weeks": weeks, "out": out}


@app.command()
def demo(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """A made-up bank from raw files to lists, stage by stage; it ends with the way to the pages."""
    from pipeline.demo import run_made_up
    from pipeline.example_banks import check_made_up

    check_made_up(bank)
    with writing("demo", bank, data) as context:
        # A token is a secret: it goes to a terminal, and into no file or pipe.
        typer.echo(run_made_up(context, terminal_wording(), with_token=_to_a_terminal()))


def _to_a_terminal() -> bool:
    return sys.stdout.isatty()


@app.command("new-bank")
def new_bank_command(raw: RawOption, bank: BankOption, data: DataOption = DATA) -> None:
    """Draft the bank's settings and SELECTs from its files; afterwards, name the questions left."""
    from pipeline.lease import held
    from pipeline.new_bank.new_bank import draft_bank, remaining_questions

    start_logging()
    questions = remaining_questions(bank)
    if questions is None:
        with held(data / bank, "new-bank"), step("new-bank") as counts:
            lines = draft_bank(bank, raw, data / bank / "new-bank")
            questions = remaining_questions(bank) or []
            counts |= {"bank": bank, "questions": len(questions)}
        lines.append(f"Drafts: configs/banks/{bank}. Next: make ingest BANK={bank} RAW={raw}")
    else:
        lines = _after_ingest(bank, data)
        lines.append(f"configs/banks/{bank} is there; nothing was written into it.")
    for line in (*questions, *lines):
        typer.echo(line)


def _after_ingest(bank: str, data: Path) -> list[str]:
    """Lines on what the tables of the drafts give; before the first ingest, the next command."""
    from pipeline.evaluation.intake_page import write_intake_page
    from pipeline.new_bank.after_ingest import ingested_in_words

    if not (data / bank / "tables" / "current").is_file():
        return [f"Not ingested yet: make ingest BANK={bank} RAW=<folder>"]
    with writing("new-bank", bank, data) as context, progress_bar("definitions") as on_bucket:
        write_intake_page(context.settings, context.home, context.tables)
        return ingested_in_words(context, on_bucket)


RowsGone = Annotated[
    str, typer.Option("--rows-gone", help="why rows that were loaded before may be in no file any more")
]


@app.command()
def ingest(
    raw: RawOption, bank: BankOption = "demo", data: DataOption = DATA, rows_gone: RowsGone = ""
) -> None:
    """Read the bank's files into bucketed tables; refused rows go to quarantine.csv."""
    from pipeline.weekly import run_ingest

    with writing("ingest", bank, data) as context:
        tables = run_ingest(context, raw, rows_gone)
        typer.echo(
            f"{'table':<13}{'rows in':>12}{'loaded':>12}{'superseded':>12}"
            f"{'quarantined':>13}{'duplicates':>12}"
        )
        for count in tables.counts:
            typer.echo(
                f"{count.table:<13}{count.rows_in:>12,}{count.loaded:>12,}{count.superseded:>12,}"
                f"{count.quarantined:>13,}{count.duplicates:>12,}"
            )
        typer.echo(f"refused rows: {context.home.root / 'quarantine.csv'}   page: intake.html beside it")


@app.command("quarantine-export")
def quarantine_export(
    raw: RawOption,
    out: Annotated[Path, typer.Option(callback=folder, help="folder for the files to correct")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Write refused rows as files to correct, laid out as delivered; put them into the raw folder then."""
    from pipeline.ingest.quarantine import export_refused

    with writing("quarantine-export", bank, data) as context:
        for export in export_refused(context.settings, raw, context.home, out):
            typer.echo(f"{export.rows:>8,} rows of {export.file} → {export.target or 'no file'}")
            if export.advice:
                typer.echo(f"{'':>9}{export.advice}")


@weekly_verbs.command()
def weekly(
    raw: RawOption,
    as_of: Annotated[
        date | None, monday_option("--as-of", "a Monday; without it the latest up to today on this machine")
    ] = None,
    bank: BankOption = "demo",
    data: DataOption = DATA,
    late: Annotated[
        list[str], typer.Option(metavar="<table>=<reason>", help="a source that comes late; may be repeated")
    ] = [],  # noqa: B006
    override_by: Annotated[str, typer.Option(help="the second person who lets a refused run through")] = "",
    override_why: Annotated[str, typer.Option(help="why it may pass")] = "",
    rows_gone: RowsGone = "",
) -> None:
    """Ingest, features, training when due, scores, gates, publication, lists, notices for one Monday."""
    from configs.service import load_mail_server
    from pipeline.commands.summaries import lists_in_words
    from pipeline.gates.gates import Waiver
    from pipeline.lists.mail import send_after_run
    from pipeline.outward import announcements
    from pipeline.weekly import run_weekly

    declared = {table: reason for table, _, reason in (text.partition("=") for text in late if text)}
    waiver = Waiver(declared, override_by, override_why)
    if as_of is None:
        as_of = latest_monday(datetime.now(UTC).astimezone().date())
        log.info("weekly    as_of=%s", as_of)
    with writing("weekly", bank, data, as_of) as context:
        publication, lists = run_weekly(context, raw, as_of, waiver, rows_gone)
        summary = lists_in_words(context, publication, lists, terminal_wording())
        announcements.send_after_run(context)
        send_after_run(context, load_mail_server, as_of)
    typer.echo(summary)  # the last: whoever reads it may be gone


@app.command("backfill")
def backfill_command(
    first: Annotated[date, monday_option("--from", "the first Monday")],
    last: Annotated[date, monday_option("--to", "the last Monday")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Features of every Monday of a period, and labels where they have matured."""
    from pipeline.evaluation.research import backfill

    snapshots = mondays(first, last)
    with (
        writing("backfill", bank, data) as context,
        step("backfill") as counts,
        progress_bar("backfill") as on_bucket,
    ):
        matured = backfill(context, context.tables, snapshots, on_bucket)
        counts |= {"snapshots": len(snapshots), "matured": len(matured)}


@app.command("features-doc")
def features_document(
    out: Annotated[Path, typer.Option(dir_okay=False, help="the page to write")], bank: BankOption = "demo"
) -> None:
    """Write the catalogue of features: family, name, English, Chinese, unit, direction."""
    from features.catalogue.document import features_doc
    from pipeline.artefacts import write_text

    write_text(out, features_doc(context_of(bank, DATA).settings))


@store_verbs.command()
def migrate(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Take the score store to the version of this software, with all its rows."""
    from serve.store.schema import VERSION
    from serve.store.store import Store

    with writing("migrate", bank, data) as context, Store(context.home.store) as store:
        steps = store.migrate()
    typer.echo(f"version {VERSION}, {'after ' + ', '.join(steps) if steps else 'as before'}")


@store_verbs.command("rollback-run")
def rollback_run(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Serve the run before the one that is served now."""
    from pipeline.outward import announcements
    from serve.store.store import Store

    with writing("rollback-run", bank, data) as context:
        with Store(context.home.store) as store:
            run = store.rollback(context.clock())
        announcements.send_after_run(context)
    typer.echo(f"serves {run.run_id} of Monday {run.snapshot_date}")


@store_verbs.command()
def backup(
    out: Annotated[Path, typer.Option(help="a new file")], bank: BankOption = "demo", data: DataOption = DATA
) -> None:
    """Copy the score store, as it is at one moment, into a new file, and check the copy."""
    from serve.store.backup import back_up

    runs = back_up(store_of(bank, data), out)
    typer.echo(f"{runs} runs in {out}, {out.stat().st_size / 1e6:,.1f} MB")


@store_verbs.command()
def restore(
    source: Annotated[Path, typer.Option("--from", help="a file that backup wrote")],
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Put a backup in place of everything the score store holds."""
    from pipeline.training.promotion import audit_log
    from serve.auth.log_heads import RESTORED
    from serve.store.backup import inspect, restoring

    with writing("restore", bank, data) as context:
        runs = inspect(source)
        # With its entry in the log, or not at all; a log of another bank, or of other keys, is not whole.
        with restoring(context.home.store, source) as copy, audit_log(replace(context, store=copy)) as record:
            record.note(context.user, RESTORED, source.name, {})
    typer.echo(f"{runs} runs from {source}")


@weekly_verbs.command()
def mail(as_of: AsOf, bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Mail each reader of a list of the served Monday, once; the message holds a link and no customer."""
    from configs.errors import ConfigError
    from configs.service import load_mail_server
    from pipeline.lists.mail import LEASE_SECONDS, send

    server = load_mail_server()
    if server is None:
        raise ConfigError("no mail server is named. Set ATTRITION_SMTP_HOST (docs/lists.md).")
    with writing("mail", bank, data, as_of) as context:
        sent = send(context, server, as_of)
    typer.echo(f"{sent.sent} notifications sent, {sent.sent_before} sent before")
    if sent.elsewhere:
        typer.echo(
            f"{sent.elsewhere} begun by another run of this command less than {LEASE_SECONDS} seconds ago"
        )
    for recipient, code in sent.refused:
        typer.echo(f"refused by the mail server with {code}: {recipient}")
    for recipient in sent.no_address:
        typer.echo(f"no address that mail can go to: {recipient}")


@weekly_verbs.command()
def announce(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """Send the webhook the publications and roll-backs that it has not taken yet, the oldest first."""
    from configs.errors import ConfigError
    from pipeline.outward.announcements import send

    with writing("announce", bank, data) as context:
        if not context.settings.announcements.webhook:
            raise ConfigError("no webhook is named. Set announcements.webhook in bank.toml (docs/api.md).")
        sent = send(context)
    typer.echo(f"{sent.sent} announcements sent{f', {sent.left} under way elsewhere' if sent.left else ''}")


@weekly_verbs.command("read-outcomes")
def read_outcomes_command(
    file: Annotated[Path, typer.Option(help="a workbook of lists with outcomes typed in")],
    called_by: Annotated[str, typer.Option(help="the manager who called, for a branch's own list")] = "",
    bank: BankOption = "demo",
    data: DataOption = DATA,
) -> None:
    """Record what was typed into a workbook of lists: all of it, or nothing and why."""
    from pipeline.lists.read_outcomes import read_outcomes

    with writing("read-outcomes", bank, data) as context:
        outcomes = read_outcomes(context, file, called_by)
    typer.echo(
        f"{outcomes['new']} outcomes recorded, {outcomes['changed']} changed since they were read before, "
        f"{outcomes['same']} as before, {outcomes['empty']} customers without one; "
        f"{outcomes['feedback']} verdicts on alerts recorded"
    )


@weekly_verbs.command()
def effect(bank: BankOption = "demo", data: DataOption = DATA) -> None:
    """The effect of being on a list, measured against the control group, as far as outcomes are known."""
    from pipeline.campaigns.effect import run_effects
    from pipeline.commands.summaries import effect_in_words
    from pipeline.lists.experiment import run_effect

    with writing("effect", bank, data) as context:
        with progress_bar("labels") as on_labels:
            figures = run_effect(context, context.tables, on_labels)
            run_effects(context, context.tables, on_labels)
        typer.echo(effect_in_words(figures))
