"""Drafts from the source that matches a table: columns, codes, signs, kinds, customers of accounts."""

from dataclasses import dataclass

import duckdb

from configs.tables import MONEY_IN, MONEY_OUT, TABLES
from pipeline.ingest.relations import sql_text
from pipeline.new_bank.accounts import Link, find_link
from pipeline.new_bank.columns import ColumnProfile, share_within
from pipeline.new_bank.drafts import Draft, amount_of, case_of, day_or_moment, name_in_sql, negative, of
from pipeline.new_bank.matching import ColumnProfiles, Match, known_codes, meaning, name_score, words
from pipeline.new_bank.wide import ITEM

# The codes of a column: their group in words.toml, and what stands for those that nobody knows.
CODED = {
    "gender": ("gender", None), "is_staff": ("flag", None), "marketing_opt_out": ("flag", None),
    "status": ("status", "active"), "kind": ("kind", "other"), "channel": ("channel", None),
    "counterparty": ("counterparty", "none"), "product_class": ("product_class", "demand"),
    "contacts.channel": ("contact_channel", None), "purpose": ("purpose", None), "outcome": ("outcome", None),
    "events.kind": ("event", None), "item": ("item", None), "gone": ("flag", None),
}  # fmt: skip
TAKING_OUT = (*MONEY_OUT, "buy", "loan")  # kinds that take money out of the account
LIST_MOST = 15  # codes named in a question


@dataclass(frozen=True)
class Bank:
    """The sources, matches and currency from which drafts are made."""

    con: duckdb.DuckDBPyConnection
    profiles: ColumnProfiles
    matches: dict[str, Match]
    currency: str

    def link_of(self, table: str) -> Link | None:
        """The source that names the customer, for a table that names only the account; else None."""
        match = self.matches.get(table)
        account = match.columns.get("account_id") if match else None
        if match is None or account is None or "customer_id" in match.columns:
            return None
        return find_link(self.con, self.profiles, account)


def draft_of(bank: Bank, match: Match) -> Draft:
    """The columns of one source as they match, with what the contract needs beside them."""
    table = TABLES[match.table]
    draft = Draft(table.name, f"One row per {table.one_row_per}.", f"{name_in_sql(match.source)} t")
    for column in table.columns:
        profile = match.columns.get(column.name)
        if profile is not None:
            _add(bank, draft, column.name, profile)
    if "currency" in table.names and "currency" not in draft.columns:
        draft.add("currency", sql_text(bank.currency), f"no file names a currency for {table.name}")
    if "customer_id" in table.names and "customer_id" not in draft.columns:
        add_customer_by_account(bank, draft, match)
    _known_on(draft, match)
    if table.name == "holdings" and "product_id" not in draft.columns:
        draft.add("product_id", "'CURRENT'", "no column names a product: one for all")
    for name in (
        "manager_id",
        "outcome",
        "to_on",
        "branch_id",
        "name",
        "weekly_capacity",
        "channel",
        "purpose",
    ):
        if name in table.names and table.column(name).required and name not in draft.columns:
            _placeholder(draft, match, name)
    return draft


def _placeholder(draft: Draft, match: Match, name: str) -> None:
    """A required column that no column of the source matches."""
    if name in ("manager_id", "outcome", "to_on"):
        draft.add(name, "NULL", "no column of the source matches")
        return
    values = {"weekly_capacity": "'20'", "name": f"t.{name_in_sql(match.columns[_first_key(match)].name)}",
              "branch_id": "'all'", "channel": "'phone'", "purpose": "'service'"}  # fmt: skip
    draft.add(name, values[name], "no column of the source matches")
    draft.ask(name, f"no column of {match.source} matches; drafted as {values[name]}. Which is right?")


def _first_key(match: Match) -> str:
    return TABLES[match.table].key[0]


def _add(bank: Bank, draft: Draft, name: str, profile: ColumnProfile) -> None:
    """One column by the contract's type, with its evidence."""
    column, comment = TABLES[draft.table].column(name), profile.counted
    if name == "currency":
        expression, unknown = case_of("t", profile, "currency", None)
        unknown = [code for code in unknown if not code[:4].strip().isupper() or not code[:3].isalpha()]
        draft.add(name, expression, comment)
        if unknown:
            draft.ask(name, f"which currencies are {', '.join(unknown)}?")
    elif coded := CODED.get(f"{draft.table}.{name}") or (CODED.get(name) if profile.codes else None):
        _add_codes(draft, name, profile, coded)
    elif column.type in ("DATE", "TIMESTAMP"):
        draft.add(name, day_or_moment("t", profile, day=column.type == "DATE"), comment)
        if profile.form.name in ("DD/MM/YYYY", "MM/DD/YYYY"):
            draft.ask(name, f"{profile.name} is read as {profile.form.name}, from {profile.lowest} to "
                      f"{profile.highest}. Is that right?")  # fmt: skip
    elif column.type.startswith("DECIMAL") or column.type == "INTEGER":
        draft.add(name, amount_of("t", profile), comment)
    else:
        draft.add(name, of("t", profile), comment + _within(bank, draft.table, name, profile))


def _within(bank: Bank, table: str, name: str, profile: ColumnProfile) -> str:
    """The share of a reference's values that the other table's source holds, in words."""
    for column, other in TABLES[table].references:
        match = bank.matches.get(other)
        if column == name and match and name in match.columns and match.source != profile.source:
            total, contained, _ = share_within(bank.con, profile, match.columns[name])
            return f"; {contained:,} of {total:,} stand in {match.source}.{match.columns[name].name}"
    return ""


def _add_codes(draft: Draft, name: str, profile: ColumnProfile, coded: tuple[str, str | None]) -> None:
    group, fallback = coded
    by_name = ", ".join(f"{code} {rows:,}" for code, rows in list(profile.codes.items())[:LIST_MOST])
    expression, unknown = case_of("t", profile, group, fallback)
    if name == "status" and unknown:  # most customers are active, whatever the code
        most = next(iter(profile.codes))
        unknown = [text for text in unknown if text != f"{most} ({profile.codes[most]:,})"]
    draft.add(name, expression, f"{profile.name}: {by_name}")
    if unknown:
        drafted = f"drafted as {fallback!r}" if fallback else "passed on as they are"
        draft.ask(name, f"what are the codes {', '.join(unknown[:LIST_MOST])} of "
                  f"{profile.source}.{profile.name}? They are {drafted}.")  # fmt: skip
    guessed = [code for code in sorted(profile.codes) if len(code) == 1 and meaning(code, group)]
    if guessed and group not in ("gender", "flag", "product_class"):
        draft.ask(name, f"are the codes {', '.join(guessed)} what their letters suggest?")


def add_customer_by_account(bank: Bank, draft: Draft, match: Match) -> None:
    link = bank.link_of(match.table)
    if link is None:
        draft.add("customer_id", of("t", match.columns["account_id"]), "each account counts as a customer")
        draft.ask("customer_id", f"no file says whose the accounts of {match.source} are, so that each "
                  "counts as a customer. Deliver a file with customer and account.")  # fmt: skip
        return
    draft.add("customer_id", of("d", link.customer), link.evidence)
    draft.source += "\n" + join_link(link, of("t", match.columns["account_id"]), "d")
    if link.shared:
        draft.ask("customer_id", f"{link.shared:,} accounts of {link.source} have several customers; the "
                  "first by number is taken. Which is right?")  # fmt: skip


def join_link(link: Link, account: str, alias: str) -> str:
    """SQL: the source with the customer of each account, once."""
    source = name_in_sql(link.source)
    if link.shared:
        source = (
            f"(SELECT * FROM {source} QUALIFY row_number() OVER (PARTITION BY "
            f"{name_in_sql(link.account.name)} "
            f"ORDER BY {name_in_sql(link.customer.name)}) = 1)"
        )
    condition = ""
    if link.condition:
        profile, code = link.condition
        condition = f" AND {of(alias, profile)} = {sql_text(code)}"
    return f"LEFT JOIN {source} {alias} ON {of(alias, link.account)} = {account}{condition}"


def _known_on(draft: Draft, match: Match) -> None:
    """Without a day of loading, the day on which the row happened."""
    table = TABLES[match.table]
    if "known_on" not in table.names or "known_on" in draft.columns or table.happened not in match.columns:
        return
    day = day_or_moment("t", match.columns[table.happened], day=True)
    draft.add("known_on", day, f"no file says when {table.name} were known: the day itself")
    draft.ask("known_on", "no column says when the bank's systems knew a row; the day on which it happened "
              "is taken. Right only if nothing comes late or is changed afterwards.")  # fmt: skip


def transactions_of(bank: Bank) -> Draft:
    match = bank.matches["transactions"]
    draft = draft_of(bank, match)
    columns = match.columns
    if "account_id" not in columns:
        draft.add("account_id", of("t", columns["customer_id"]),
                  "no column names an account: the customer's one")  # fmt: skip
    if "transaction_id" not in columns:
        cell = f" || ':' || t.{ITEM}" if ITEM in bank.profiles[match.source] else ""
        draft.add("transaction_id", f"t._file || ':' || t._line{cell}",
                  "no column numbers the bookings: their place")  # fmt: skip
        draft.ask("transaction_id", f"no column of {match.source} numbers the bookings; their place in the "
                  "files is taken. A file delivered again under another name would count twice.")  # fmt: skip
    elif not columns["transaction_id"].key:
        draft.ask("transaction_id", f"{columns['transaction_id'].name} repeats: are these corrections, or do "
                  "numbers restart?")  # fmt: skip
    _kind(bank, draft, match)
    _sign(draft, match)
    _counterparty(draft, match)
    _ask_for_refunds(bank, draft)
    return draft


def _counterparty(draft: Draft, match: Match) -> None:
    """Without a column for the other side: another bank, where the bank of the other side is named."""
    other = match.columns.get("other_bank")
    if other is None or "counterparty" in draft.columns:
        return
    named = f"trim({of('t', other)}::VARCHAR) <> ''"
    draft.add("counterparty", f"CASE WHEN {named} THEN 'other_bank' ELSE 'none' END",
              f"{other.name} is named on {other.filled:,} of {other.rows:,} bookings")  # fmt: skip
    draft.ask("counterparty", f"is {other.name} always another bank? Companies, persons, brokers and the "
              "customers' own accounts are not told apart.")  # fmt: skip


def _ask_for_refunds(bank: Bank, draft: Draft) -> None:
    """Bookings against the direction of their kind are refused; a person can say that they are refunds."""
    rows = bank.con.execute(
        "SELECT kind, count(*) FROM (SELECT kind, TRY_CAST(amount AS DOUBLE) AS amount FROM "
        f"({draft.select})) "
        f"WHERE (kind IN {MONEY_IN} AND amount < 0) OR (kind IN {MONEY_OUT} AND amount > 0) GROUP "
        "BY kind ORDER BY kind"
    ).fetchall()
    if rows:
        counts = ", ".join(f"{kind} {count:,}" for kind, count in rows)
        draft.ask("kind", f"some bookings go against the direction of their kind ({counts}) and will be "
                  "refused. Refunds and reversals are of kind other.")  # fmt: skip


def _sign(draft: Draft, match: Match) -> None:
    """The amount with its sign: as it comes, by a column that says in or out, or from two columns."""
    columns = match.columns
    if "amount" not in columns:
        into, out = columns["amount_in"], columns.get("amount_out")
        plus, minus = amount_of("t", into), negative("t", out) if out else "NULL"
        filled = f"{of('t', into)} IS NOT NULL" if into.typed else f"trim({of('t', into)}) <> ''"
        draft.add("amount", f"CASE WHEN {filled} THEN {plus} ELSE {minus} END", f"in: {into.counted}")
        return
    amount, direction = columns["amount"], columns.get("direction")
    if direction and not amount.negative:
        signed = {"in": amount_of("t", amount), "out": negative("t", amount)}
        cases = [
            f"WHEN {sql_text(code)} THEN {signed[meaning(code, 'direction')]}"
            for code in sorted(direction.codes)
        ]
        draft.add("amount", f"CASE {of('t', direction)} {' '.join(cases)} END", f"{amount.counted}, none "
                  f"negative; {direction.name}: {codes_in_words(direction)}")  # fmt: skip
    elif not amount.negative:
        _sign_by_kind(draft, amount, columns.get("kind"))


def _sign_by_kind(draft: Draft, amount: ColumnProfile, kind: ColumnProfile | None) -> None:
    """Without signs and a column that says in or out, the kind says it where its codes are known."""
    out = [code for code in sorted(kind.codes) if meaning(code, "kind") in TAKING_OUT] if kind else []
    unsigned = f"no value of {amount.name} is negative and no column says in or out"
    if not kind or not out:
        draft.ask("amount", f"{unsigned}: which bookings take money out?")
        return
    codes, number = ", ".join(map(sql_text, out)), amount_of("t", amount)
    draft.add("amount", f"CASE WHEN {of('t', kind)} IN ({codes}) THEN {negative('t', amount)} ELSE {number} "
              "END", amount.counted)  # fmt: skip
    draft.ask("amount", f"{unsigned}: {kind.name} {', '.join(out)} are taken for money out. Right?")


def codes_in_words(profile: ColumnProfile) -> str:
    return ", ".join(f"{code} {rows:,}" for code, rows in list(profile.codes.items())[:LIST_MOST])


def _kind(bank: Bank, draft: Draft, match: Match) -> None:
    """The kind by the codes of all columns that hold kinds, the emptiest first: it says most."""
    matched = {
        profile.name
        for name, profile in match.columns.items()
        if name not in ("kind", "channel", "direction")
    }
    names = words()["columns"]["transactions.kind"]
    columns = sorted(
        (
            profile
            for profile in bank.profiles[match.source].values()
            if profile.name not in matched and profile.codes and name_score(profile.name, names)
        ),
        key=lambda profile: (profile.filled - profile.codes.get("", 0), profile.name),
    )
    known = [profile for profile in columns if known_codes(profile, "kind", 0.01)]
    if len(known) > 1:
        cases = [
            f"\n        WHEN {of('t', profile)} = {sql_text(code)} THEN {sql_text(kind)}"
            for profile in known
            for code in sorted(profile.codes)
            if (kind := meaning(code, "kind"))
        ]
        draft.add("kind", f"CASE{''.join(cases)}\n        ELSE 'other' END",
                  f"from {', '.join(profile.name for profile in known)}")  # fmt: skip
        unknown = [
            f"{profile.name} {code} ({rows:,})"
            for profile in known
            for code, rows in profile.codes.items()
            if not meaning(code, "kind") and not meaning(code, "direction")
        ]
        if unknown:
            draft.ask("kind", f"what are the codes {', '.join(unknown[:LIST_MOST])}? Another column decides, "
                      "or they are drafted as 'other'.")  # fmt: skip
    elif "kind" not in draft.columns:
        draft.add("kind", "'other'", "no column says what a booking was")
        draft.ask("kind", f"no column of {match.source} says what a booking was: all are drafted as 'other'")
    if (
        len(known) < 2 and "kind" in match.columns
    ):  # a word of its own, such as card, does not make it a channel too
        columns = [profile for profile in columns if profile.name != match.columns["kind"].name]
    channel = max(columns, key=lambda profile: known_codes(profile, "channel", 0.2), default=None)
    if "channel" not in draft.columns and channel and known_codes(channel, "channel", 0.2):
        expression, _ = case_of("t", channel, "channel", "other")
        draft.add("channel", expression, f"{channel.name}: {codes_in_words(channel)}")
