"""Table contracts: every column of every table a bank brings, once, for ingest, tests and documents.

Two dates stand on every row: when it happened (``happened``) and when the bank's systems knew it
(``known_on``). A row is visible at a snapshot only if both lie before it. A row with the key of an earlier
one and a later ``known_on`` is its next version; with ``deleted`` it takes the row back from that day on.
"""

from dataclasses import dataclass
from typing import Literal, get_args

KINDS = (
    "salary", "transfer_in", "transfer_out", "card", "cash_in", "cash_out",
    "fee", "interest", "buy", "redeem", "loan", "other",
)  # fmt: skip
# Kinds that move money one way only; the others may do both. A refund or a reversal is of kind other.
MONEY_IN = ("salary", "transfer_in", "cash_in")
MONEY_OUT = ("transfer_out", "card", "cash_out", "fee")
COUNTERPARTIES = (
    "own", "same_name_elsewhere", "other_bank", "broker", "company", "person", "none",
)  # fmt: skip
PRODUCT_CLASSES = (
    "demand", "term", "structured", "wealth", "fund", "insurance", "metal", "trust", "loan",
)  # fmt: skip
STATUSES = ("active", "frozen", "deceased", "closed")
# Words that load whether known or not; those that are not known are named after ingest.
CHANNELS = ("counter", "mobile", "online", "atm", "auto", "card", "pos", "other")
EVENTS = ("login", "view_rates", "complaint")
ContactChannel = Literal["phone", "visit", "message"]
CONTACT_CHANNELS: tuple[ContactChannel, ...] = get_args(ContactChannel)
PURPOSES = ("service", "retention", "sale", "complaint")
CONTACT_OUTCOMES = ("answered", "no_answer", "declined")
ITEMS = ("service", "environment", "products", "brand", "manager")

# The reach of a column: public, inside the bank, confidential, or about a person.
Sensitivity = Literal["public", "internal", "confidential", "personal"]
SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)


@dataclass(frozen=True)
class Column:
    """One column: its SQL type, what it means, and what may stand in it.

    A value that is not ``allowed`` is refused; one that is not ``known`` loads, and is named after ingest.
    """

    name: str
    type: str
    about: str
    sensitivity: Sensitivity
    nullable: bool = False
    required: bool = True
    default: str | None = None
    allowed: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Table:
    """One table: ``key`` names a row, ``happened`` is the column that says when it took place.

    ``by_customer`` tables lie in buckets (all of one customer together); the others in one file.
    ``money`` are the columns in the row's own currency; ingest adds their value in base currency, and where
    values are compared over time (``revalued``) the rate of the day as ``to_base``.
    """

    name: str
    one_row_per: str
    key: tuple[str, ...]
    happened: str
    columns: tuple[Column, ...]
    by_customer: bool = True
    needed: bool = False
    references: tuple[tuple[str, str], ...] = ()
    money: tuple[str, ...] = ()
    revalued: bool = False

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def derived(self) -> tuple[str, ...]:
        """Columns that ingest adds: money in base currency, the rate, the day a later version was known."""
        rate = ("to_base",) if self.revalued else ()
        return (
            *(f"{name}_base" for name in self.money),
            *rate,
            *(("superseded_on",) if self.by_customer and "known_on" in self.names else ()),
        )


_P, _I, _C, _X = SENSITIVITIES
_MONEY, _UNITS, _PERCENT = "DECIMAL(18,2)", "DECIMAL(18,4)", "DECIMAL(18,4)"
_CUSTOMER = Column("customer_id", "VARCHAR", "the bank's number of the customer", _X)
_CURRENCY = Column("currency", "VARCHAR", "ISO 4217 code, for example CNY", _P)
_VERSION = (
    Column("known_on", "DATE", "day on which the bank's systems knew the row", _I),
    Column("deleted", "BOOLEAN", "the bank took the row back: as it was, known on the day of that", _I,
           required=False, default="false"),
)  # fmt: skip
_MANAGER = Column("manager_id", "VARCHAR", "the bank's number of the relationship manager", _I)

_TABLES = (
    Table(
        "customers", "customer and version", ("customer_id",), "opened_on",
        (
            _CUSTOMER,
            Column("opened_on", "DATE", "first day as a customer", _C),
            Column("birth_year", "INTEGER", "year of birth; only for the fairness report by age band", _X,
                   nullable=True, required=False, minimum=1900, maximum=2100),
            Column("gender", "VARCHAR", "F or M; only for the fairness report, never a feature", _X,
                   nullable=True, required=False, allowed=("F", "M")),
            Column("is_staff", "BOOLEAN", "works for the bank", _C, required=False, default="false"),
            Column("marketing_opt_out", "BOOLEAN", "must not be approached for marketing", _C,
                   required=False, default="false"),
            Column("status", "VARCHAR", "active, frozen, deceased or closed", _C,
                   required=False, default="active", allowed=STATUSES),
            Column("risk_grade", "INTEGER", "risk that the customer may take, 1 (least) to 5; empty: not "
                   "assessed; never a feature", _X, nullable=True, required=False, minimum=1, maximum=5),
            Column("name", "VARCHAR", "name by which the manager addresses the customer; shown, never a "
                   "feature", _X, nullable=True, required=False),
            Column("phone", "VARCHAR", "telephone number that the manager calls; shown, never a feature", _X,
                   nullable=True, required=False),
            *_VERSION,
        ),
        needed=True,
    ),
    Table(
        "customer_numbers", "number that a customer no longer has", ("old_number",), "from_on",
        (
            Column("old_number", "VARCHAR", "the old number", _X),
            Column("customer_id", "VARCHAR", "the number that came after it, which may be an old one too; "
                   "of two customers who became one, both rows name it", _X),
            Column("from_on", "DATE", "first day of that number", _I),
        ),
        by_customer=False,
    ),
    Table(
        "assignments", "customer and period with one manager", ("customer_id", "from_on"), "from_on",
        (
            _CUSTOMER,
            Column("manager_id", "VARCHAR", "manager in charge; empty while the post is vacant", _I,
                   nullable=True),
            Column("branch_id", "VARCHAR", "branch that keeps the customer; empty where there are none", _I,
                   nullable=True, required=False),
            Column("from_on", "DATE", "first day of the period", _I),
            Column("to_on", "DATE", "day after the last; empty while it runs", _I, nullable=True),
            *_VERSION,
        ),
        references=(("customer_id", "customers"), ("manager_id", "managers")),
    ),
    Table(
        "households", "customer and period in one household", ("customer_id", "from_on"), "from_on",
        (
            _CUSTOMER,
            Column("household_id", "VARCHAR", "the bank's number of the household", _X),
            Column("from_on", "DATE", "first day of the period", _I),
            Column("to_on", "DATE", "day after the last; empty while it runs", _I, nullable=True),
            *_VERSION,
        ),
        references=(("customer_id", "customers"),),
    ),
    Table(
        "managers", "manager", ("manager_id",), "",
        (
            _MANAGER,
            Column("name", "VARCHAR", "name as it stands on the list", _X),
            Column("branch_id", "VARCHAR", "branch the manager works in; empty where there are none", _I,
                   nullable=True, required=False),
            Column("weekly_capacity", "INTEGER", "customers the manager can work through in a week", _I,
                   minimum=0, maximum=1000),
            Column("email", "VARCHAR", "address for the weekly notice", _X, nullable=True, required=False),
            Column("is_branch_head", "BOOLEAN", "heads the branch, and owes what a branch head does", _I,
                   required=False, default="false"),
        ),
        by_customer=False,
    ),
    Table(
        "products", "product", ("product_id",), "",
        (
            Column("product_id", "VARCHAR", "the bank's number of the product", _P),
            Column("product_class", "VARCHAR", "demand, term, wealth, fund, …; loan is not AUM", _P,
                   allowed=PRODUCT_CLASSES),
            Column("name", "VARCHAR", "name as customers know it", _P),
            _CURRENCY,
            Column("risk_grade", "INTEGER", "least grade of a customer who may buy it, 1 to 5; empty: needs "
                   "none", _P, nullable=True, required=False, minimum=1, maximum=5),
            Column("months", "INTEGER", "term in months; empty: none", _P,
                   nullable=True, required=False, minimum=1, maximum=600),
        ),
        by_customer=False,
    ),
    Table(
        "offers", "offer of interest and version", ("offer_id",), "from_on",
        (
            Column("offer_id", "VARCHAR", "the bank's number of the offer", _P),
            Column("product_class", "VARCHAR", "class of the product offered", _P, allowed=PRODUCT_CLASSES),
            _CURRENCY,
            Column("interest_rate", _PERCENT, "interest offered, percent a year", _P,
                   minimum=0, maximum=100),
            Column("months", "INTEGER", "term in months; empty: none", _P,
                   nullable=True, required=False, minimum=1, maximum=600),
            Column("least_amount", _MONEY, "least amount, in the offer's currency", _P,
                   required=False, default="0", minimum=0),
            Column("from_on", "DATE", "first day of the offer", _P),
            Column("to_on", "DATE", "day after the last; empty while it runs", _P,
                   nullable=True, required=False),
            Column("known_on", "DATE", "day on which the bank's systems knew the row", _I),
        ),
        by_customer=False,
    ),
    Table(
        "transactions", "booking", ("transaction_id",), "booked_at",
        (
            Column("transaction_id", "VARCHAR", "the bank's number of the booking", _C),
            _CUSTOMER,
            Column("account_id", "VARCHAR", "account booked on", _X),
            Column("booked_at", "TIMESTAMP",
                   "when it was booked, local time; midnight where the bank knows only the day", _C),
            Column("amount", _MONEY, "signed: + into the account, − out of it", _C),
            _CURRENCY,
            Column("kind", "VARCHAR", "what it was", _C, allowed=KINDS),
            Column("channel", "VARCHAR", "counter, mobile, online, atm, auto, …", _C,
                   required=False, default="other", known=CHANNELS),
            Column("counterparty", "VARCHAR", "the other side", _C, required=False, default="none",
                   allowed=COUNTERPARTIES),
            *_VERSION,
        ),
        needed=True, references=(("customer_id", "customers"),), money=("amount",),
    ),
    Table(
        "holdings", "customer, product, account and valuation day",
        ("customer_id", "product_id", "account_id", "valued_on"), "valued_on",
        (
            _CUSTOMER,
            Column("product_id", "VARCHAR", "product held", _C),
            Column("account_id", "VARCHAR", "account that the balance is of, where a customer has several in "
                   "a product; features see their sum", _X, required=False, default=""),
            Column("valued_on", "DATE", "end of this day; the balance stands until the account's next row, 0 "
                   "when closed", _C),
            Column("balance", _MONEY, "value in the product's currency, below 0 when overdrawn; "
                   "loans positive as owed", _C),
            Column("share", "DECIMAL(18,8)", "the customer's part of a joint account, above 0 up to 1; the "
                   "balance is the whole account's", _C,
                   required=False, default="1", minimum=1e-8, maximum=1),
            _CURRENCY,
            Column("matures_on", "DATE", "day the money falls due", _C, nullable=True, required=False),
            Column("units", _UNITS, "units held, where the product has a price", _C,
                   nullable=True, required=False, minimum=0),
            Column("unit_price", _UNITS, "price of one unit", _C, nullable=True, required=False, minimum=0),
            Column("interest_rate", _PERCENT, "interest that the balance earns, percent a year", _C,
                   nullable=True, required=False, minimum=0, maximum=100),
            *_VERSION,
        ),
        references=(("customer_id", "customers"), ("product_id", "products")),
        money=("balance",), revalued=True,
    ),
    Table(
        "contacts", "contact of a manager with a customer", ("contact_id",), "contacted_at",
        (
            Column("contact_id", "VARCHAR", "the bank's number of the contact", _I),
            _CUSTOMER,
            _MANAGER,
            Column("contacted_at", "TIMESTAMP", "when, local time", _C),
            Column("channel", "VARCHAR", "phone, visit, message, …", _C, known=CONTACT_CHANNELS),
            Column("purpose", "VARCHAR", "service, retention, sale, complaint, …", _C, known=PURPOSES),
            Column("outcome", "VARCHAR", "answered, no_answer, declined, …", _C, nullable=True,
                   known=CONTACT_OUTCOMES),
            *_VERSION,
        ),
        references=(("customer_id", "customers"), ("manager_id", "managers")),
    ),
    Table(
        "events", "digital event", ("customer_id", "occurred_at", "kind"), "occurred_at",
        (
            _CUSTOMER,
            Column("occurred_at", "TIMESTAMP", "when, local time", _C),
            Column("kind", "VARCHAR", "login, view_rates, complaint, …", _C, known=EVENTS),
            *_VERSION,
        ),
        references=(("customer_id", "customers"),),
    ),
    Table(
        "surveys", "answer", ("response_id",), "answered_on",
        (
            Column("response_id", "VARCHAR", "the bank's number of the answer to one item", _I),
            _CUSTOMER,
            Column("answered_on", "DATE", "day of the answer", _C),
            Column("item", "VARCHAR", "service, environment, products, brand, manager, …", _C, known=ITEMS),
            Column("score", "INTEGER", "1 (worst) to 10 (best), or on the scale of [survey]", _C,
                   minimum=1, maximum=10),
            *_VERSION,
        ),
        references=(("customer_id", "customers"),),
    ),
    Table(
        "labels", "customer and day of a label of the bank's own", ("customer_id", "day"), "day",
        (
            _CUSTOMER,
            Column("day", "DATE", "day from which the label counts; it belongs to the Monday on or before it",
                   _C),
            Column("gone", "BOOLEAN", "1: left within label.horizon_days days from the day; 0: stayed", _C),
            Column("lost", _MONEY, "amount that left with the customer, in base currency; empty: what left "
                   "by the balances", _C, nullable=True, required=False, minimum=0),
            *_VERSION,
        ),
        references=(("customer_id", "customers"),),
    ),
    Table(
        "rates", "currency and day", ("currency", "valued_on"), "valued_on",
        (
            _CURRENCY,
            Column("valued_on", "DATE", "day of the rate", _P),
            Column("to_base", "DECIMAL(18,8)", "base currency for one unit", _P, minimum=1e-8),
        ),
        by_customer=False,
    ),
)  # fmt: skip

# Others refer to it, and a bank may leave it out: its managers then stand under their numbers.
OPTIONAL_REFERENCE = "managers"
TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
# Tables of things that happen; the others (customers, assignments, …) are looked up as of a day.
EVENT_TABLES = ("transactions", "holdings", "contacts", "events", "surveys")
