"""Drafts of all tables; of those that no source matches from other sources: accounts, bookings, branches."""

from configs.tables import TABLES
from pipeline.ingest.relations import sql_text
from pipeline.new_bank.accounts import opening
from pipeline.new_bank.drafts import Draft, amount_of, case_of, day_or_moment, name_in_sql, of
from pipeline.new_bank.matched_drafts import (
    Bank,
    add_customer_by_account,
    codes_in_words,
    draft_of,
    join_link,
    transactions_of,
)


def drafts_of(bank: Bank) -> dict[str, Draft]:
    """The drafts by table, in the order of the contract; tables that the files do not hold are missing."""
    drafts = {
        name: draft_of(bank, match)
        for name, match in bank.matches.items()
        if name not in ("customers", "transactions")
    }
    if "transactions" in bank.matches:
        drafts["transactions"] = transactions_of(bank)
        drafts["customers"] = _customers(bank)
        if "holdings" not in drafts and "balance" in bank.matches["transactions"].columns:
            drafts["holdings"] = _running_balances(bank)
    if "holdings" in drafts and "products" not in drafts:
        drafts["products"] = _products(bank)
    if "customers" in drafts and "assignments" not in drafts:
        drafts |= _assignments(bank)
    return {name: drafts[name] for name in TABLES if name in drafts}


def _customers(bank: Bank) -> Draft:
    """From the source of customers; their first day from their accounts or bookings where it has none."""
    match = bank.matches.get("customers")
    if match is None:
        return _customers_of_bookings(bank)
    draft = draft_of(bank, match)
    if "opened_on" in match.columns:
        return draft
    link, customer = bank.link_of("transactions"), of("t", match.columns["customer_id"])
    opened = opening(bank.profiles, link) if link else None
    if link and opened:
        account, day = opened
        condition = (
            f" WHERE {of('d', link.condition[0])} = {sql_text(link.condition[1])}" if link.condition else ""
        )
        inner = (
            f"SELECT {of('d', link.customer)} AS customer, min({day_or_moment('a', day, day=True)}) "
            "AS opened\n"
            f"    FROM {name_in_sql(link.source)} d JOIN {name_in_sql(account.source)} a "
            f"ON {of('a', account)} = {of('d', link.account)}{condition} GROUP BY ALL"
        )
        origin = f"the opening of the first account, {account.source}.{day.name}"
    else:
        inner = _first_bookings(bank)
        origin = "the first booking"
        draft.ask("opened_on", "no file says when customers came; their first booking is taken. Whoever has "
                  "none is left out.")  # fmt: skip
    draft.source += f"\nJOIN ({inner}) o\n    ON o.customer = {customer}"
    draft.add("opened_on", "o.opened", f"{origin}; customers without one are left out")
    draft.add("known_on", "o.opened", "no file says when customers were known: since then")
    draft.ask("known_on", "the attributes of customers count as known since their first day. Deliver a "
              "column with the day of loading; never draft a status that was known later.")  # fmt: skip
    return draft


def _first_bookings(bank: Bank) -> str:
    """SQL: customer and day of the first booking."""
    match, link = bank.matches["transactions"], bank.link_of("transactions")
    customer = (
        of("d", link.customer)
        if link
        else of("t", match.columns.get("customer_id") or match.columns["account_id"])
    )
    join = "\n" + join_link(link, of("t", match.columns["account_id"]), "d") if link else ""
    day = day_or_moment("t", match.columns["booked_at"], day=True)
    return (
        f"SELECT {customer} AS customer, min({day}) AS opened FROM {name_in_sql(match.source)} "
        f"t{join} GROUP BY ALL"
    )


def _customers_of_bookings(bank: Bank) -> Draft:
    source = name_in_sql(bank.matches["transactions"].source)
    draft = Draft("customers", "One row per customer of a booking: no file holds customers.",
                  f"({_first_bookings(bank)}) t", place=f"{sql_text(source)} AS _file, 1 AS "
                                                        "_line")  # fmt: skip
    draft.add("customer_id", "t.customer", "")
    draft.add("opened_on", "t.opened", "the first booking")
    draft.add("known_on", "t.opened", "")
    draft.ask("opened_on", "no file holds customers; they are taken from the bookings, since their first one")
    return draft


def _running_balances(bank: Bank) -> Draft:
    """Holdings from the balance after each booking: the last of a day and account."""
    match = bank.matches["transactions"]
    booked, balance, account = (
        match.columns["booked_at"],
        match.columns["balance"],
        match.columns.get("account_id"),
    )
    draft = Draft("holdings", "One row per account and day with a booking: the balance after the "
                              "day's last one.",
                  f"{name_in_sql(match.source)} t")  # fmt: skip
    if "customer_id" in match.columns:
        draft.add("customer_id", of("t", match.columns["customer_id"]), "")
    else:
        add_customer_by_account(bank, draft, match)
        draft.questions.clear()
    draft.add("product_id", "'CURRENT'", "bookings name no product: one for all")
    if account:
        draft.add("account_id", of("t", account), "balances of a customer's accounts add up")
    day = day_or_moment("t", booked, day=True)
    draft.add("valued_on", day, "")
    draft.add("balance", amount_of("t", balance), balance.counted)
    currency = match.columns.get("currency")
    named = case_of("t", currency, "currency", None)[0] if currency else sql_text(bank.currency)
    draft.add("currency", named, "")
    known_on = match.columns.get("known_on")
    draft.add("known_on", day_or_moment("t", known_on, day=True) if known_on else day, "")
    parts = of("t", account or match.columns["customer_id"])
    moment = day_or_moment("t", booked)
    latest = "" if moment == day else f"{moment} DESC, "
    draft.ending = (
        f"QUALIFY row_number() OVER (PARTITION BY {parts}, {day}\n"
        f"    ORDER BY {latest}t._file DESC, t._line DESC) = 1"
    )
    return draft


def _products(bank: Bank) -> Draft:
    """The products that holdings name; one for all where they name none."""
    match = bank.matches.get("holdings")
    product = match.columns.get("product_id") if match else None
    source = (match or bank.matches["transactions"]).source
    draft = Draft("products", "One row per product that holdings name: no file holds products.",
                  f"{name_in_sql(source)} t", place="min(t._file) AS _file, min(t._line) AS _line",
                  ending="GROUP BY ALL" if product else "HAVING count(*) > 0")  # fmt: skip
    name = of("t", product) if product else "'CURRENT'"
    draft.add("product_id", name, "")
    draft.add("product_class", "'demand'",
              "the only one" if not product else "no file says what a product is")  # fmt: skip
    draft.add("name", name, "")
    draft.add("currency", sql_text(bank.currency), "")
    if product:
        draft.ask("product_class", f"what are the products {codes_in_words(product)}? All are drafted as "
                  "'demand'.")  # fmt: skip
    return draft


def _assignments(bank: Bank) -> dict[str, Draft]:
    """One period per customer, since the first day, where customers or accounts name manager or branch."""
    match = bank.matches.get("customers")
    if match is None:
        return {}
    manager, branch = match.columns.get("manager_id"), match.columns.get("branch_id")
    if not manager and not branch:
        return {}
    customers = _customers(bank)
    draft = Draft("assignments", "One row per customer, since the first day.", customers.source)
    draft.add("customer_id", customers.columns["customer_id"][0], "")
    none = "no file says who is in charge: each branch has one list"
    draft.add("manager_id", of("t", manager) if manager else "NULL", "" if manager else none)
    if branch:
        draft.add("branch_id", of("t", branch), branch.counted)
    draft.add("from_on", customers.columns["opened_on"][0], "")
    draft.add("to_on", "NULL", "no file holds ends")
    draft.add("known_on", customers.columns["known_on"][0], "")
    if not manager:
        draft.ask("manager_id", f"{none}. Deliver who is in charge of whom, where somebody is.")
    return {"assignments": draft}
