"""Customers: risk, reasons, contacts and history of one or many, and whether one may be called."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import HTTPException, Query
from pydantic import Field

from configs.published import Exclusion, Language, Maturity, Reason, Run, Score
from configs.reason_groups import GROUPS
from serve.api.contacts import ContactSchema, contact_schema
from serve.api.requests import (
    BODY,
    NO_CUSTOMER,
    CustomerId,
    OpenedStore,
    TextLanguage,
    authorized_router,
    exemplified,
)
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.responses import ID, Money, Probability, ResponseContext, RunResponse, Schema
from serve.store import contacts
from serve.store.read_session import LONGEST, Earlier, ReadSession
from serve.texts.wording import TEXTS, change_in_words

WEEKS = 52  # of history
CONTACTS = 20
router = authorized_router("customers")

Band = Literal["high", "medium", "low"]
_RISK = (
    "calibrated probability that the money leaves within {} days; null if the bank's label does not cover it"
)


class ReasonSchema(Schema):
    """One reason behind a score, the weightiest first."""

    group: str = Field(description="what the reason is about")
    title: str = Field(description="the group in words")
    text: str = Field(description="a sentence with the customer's own figures")


class Risk(Schema):
    """One customer's figures, alone or on a list."""

    customer_id: str
    tier: str
    lifecycle_stage: str
    aum: Money
    risk_30d: Probability | None = Field(default=None, description=_RISK.format(30))
    risk_60d: Probability | None = Field(default=None, description=_RISK.format(60))
    risk_90d: Probability | None = Field(default=None, description=_RISK.format(90))
    risk_band: Band
    money_at_risk: Money = Field(description="amount expected to leave, in `currency`")
    reasons: tuple[ReasonSchema, ...]
    risk_change: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = Field(
        default=None,
        description="of the risk at the longest horizon, since the run before; null for who is new in the "
        "cohort",
    )
    change: str | None = Field(default=None, description="the change and what moved it, as a sentence")


class PastRisk(Schema):
    """What an earlier run said."""

    snapshot_date: date
    run_id: str
    model_id: str
    risk_30d: Probability | None = None
    risk_60d: Probability | None = None
    risk_90d: Probability | None = None
    risk_band: Band
    aum: Money
    money_at_risk: Money


class MaturitySchema(Schema):
    """A holding that falls due within 90 days of the snapshot."""

    product: str
    product_class: str
    matures_on: date
    balance: Money


class CustomerExtras(Schema):
    """What is told of a customer when it is asked for, else null."""

    maturities: tuple[MaturitySchema, ...] | None = Field(default=None, description="the soonest first")
    history: tuple[PastRisk, ...] | None = Field(
        default=None, description="earlier Mondays, the newest first"
    )
    contacts: tuple[ContactSchema, ...] | None = Field(
        default=None, description="the latest, the newest first"
    )
    opted_out_since: date | None = Field(
        default=None, description="told with the contacts; null: may be called"
    )


class ScoredCustomer(CustomerExtras, Risk, RunResponse):
    """A customer of the cohort."""

    status: Literal["scored"]
    branch_id: str | None
    manager_id: str | None
    marketing_opt_out: bool = Field(description="scored for the bank's view of risk, never on a list")
    currency: str


class ExcludedCustomer(CustomerExtras, RunResponse):
    """A customer who is known but was not eligible on the snapshot."""

    status: Literal["excluded"]
    customer_id: str
    code: str
    explanation: str


class UnknownCustomer(Schema):
    """Whom the run does not know, or whom the role may not see."""

    status: Literal["unknown"]


class CustomersAsked(Schema):
    """Whose risk is asked for."""

    customer_ids: tuple[Annotated[str, Field(pattern=ID)], ...] = Field(min_length=1, max_length=LONGEST)


class CustomersRisk(RunResponse):
    """The answers for many customers."""

    customers: tuple[
        Annotated[ScoredCustomer | ExcludedCustomer | UnknownCustomer, Field(discriminator="status")], ...
    ] = Field(description="one per number asked for, in that order")


class OptOut(RunResponse):
    """Whether a customer may be called."""

    customer_id: str
    opted_out_since: date | None = Field(default=None, description="null: the customer may be called")


CustomerRisk = Annotated[ScoredCustomer | ExcludedCustomer, Field(discriminator="status")]
Included = Annotated[
    list[Literal["maturities", "history", "contacts"]],
    Query(
        max_length=10,
        description=f"what falls due, {WEEKS} weeks of earlier runs, the latest {CONTACTS} contacts with an "
        f"opt-out",
    ),
]
_NO_EXTRAS = dict.fromkeys(CustomerExtras.model_fields)


@router.get(
    "/customers/{customer_id}/risk",
    responses=exemplified("customer_risk") | documented(e404=NO_CUSTOMER),
)
def customer_risk(
    customer_id: CustomerId,
    access: Granted,
    language: TextLanguage = "en",
    include: Included = [],  # noqa: B006
) -> CustomerRisk:
    """How likely a customer is to leave, with how much money and why; or why the customer has no score."""
    with access.at_run() as read_session:
        customer = read_session.customer(customer_id)
        if customer is None:
            raise HTTPException(404, NO_CUSTOMER)
        extras = _extras(read_session, customer_id, include)
    return _customer_risk(access.context(read_session.run, language), customer, extras)


@router.post("/customers/risk", responses=exemplified("customers_risk") | BODY)
def customers_risk(asked: CustomersAsked, access: Granted, language: TextLanguage = "en") -> CustomersRisk:
    """The same of up to 1,000 customers at once, in the order asked for; ``unknown`` in the place of each
    other one."""
    numbers = [access.number(shown) for shown in asked.customer_ids]
    wanted = dict.fromkeys(number for number in numbers if number is not None)
    access.about(*wanted)
    with access.at_run() as read_session:
        customers = read_session.customers(list(wanted))
    context = access.context(read_session.run, language)
    risks = (
        _customer_risk(context, customers[number], {})
        if number in customers
        else UnknownCustomer(status="unknown")
        for number in numbers
    )
    return CustomersRisk(**context.source, customers=tuple(risks))


@router.put(
    "/customers/{customer_id}/opt-out",
    responses=exemplified("opt_out") | documented(e404=NO_CUSTOMER),
)
def opt_out(customer_id: CustomerId, access: Granted, store: OpenedStore) -> OptOut:
    """The customer wants no more calls: on no list from the next run on. Once more changes nothing."""
    run = _run_with(access, customer_id)
    with store.append() as connection:
        since = contacts.opt_out(connection, customer_id, datetime.now(UTC), access.author)
    return OptOut(**access.context(run).source, customer_id=customer_id, opted_out_since=since)


@router.delete(
    "/customers/{customer_id}/opt-out",
    responses=exemplified("withdraw_opt_out") | documented(e404=NO_CUSTOMER),
)
def withdraw_opt_out(customer_id: CustomerId, access: Granted, store: OpenedStore) -> OptOut:
    """The customer may be called again. Once more changes nothing."""
    run = _run_with(access, customer_id)
    with store.append() as connection:
        contacts.withdraw_opt_out(connection, customer_id, datetime.now(UTC), access.author)
    return OptOut(**access.context(run).source, customer_id=customer_id)


def customer_fields(context: ResponseContext, customer: Score | Exclusion) -> dict[str, Any]:
    """The fields of CustomerRisk in their order, to be sent with or without the model around them."""
    if isinstance(customer, Score):
        return {
            **context.source,
            **risk_fields(context, customer),
            **_NO_EXTRAS,
            "status": "scored",
            "branch_id": customer.branch_id,
            "manager_id": customer.manager_id,
            "marketing_opt_out": bool(customer.marketing_opt_out),
            "currency": context.run.base_currency,
        }
    return {
        **context.source,
        **_NO_EXTRAS,
        "status": "excluded",
        "customer_id": customer.customer_id,
        "code": customer.code,
        "explanation": TEXTS[context.language].get(f"excluded.{customer.code}", customer.code),
    }


def risk_fields(context: ResponseContext, score: Score) -> dict[str, Any]:
    """The fields of Risk."""
    return {
        "customer_id": score.customer_id,
        "tier": score.tier,
        "lifecycle_stage": score.lifecycle_stage,
        "aum": score.aum_minor / 100,
        "risk_30d": score.risk_30d,
        "risk_60d": score.risk_60d,
        "risk_90d": score.risk_90d,
        "risk_band": score.risk_band,
        "money_at_risk": score.money_at_risk_minor / 100,
        "reasons": [_reason_fields(reason, context.language) for reason in score.reasons],
        "risk_change": score.risk_change,
        "change": change_in_words(context.run, score, context.language) or None,
    }


def _reason_fields(reason: Reason, language: Language) -> dict[str, str]:
    """The fields of ReasonSchema. A group of an older release has no title."""
    group = GROUPS.get(reason.group)
    if language == "zh":
        return {"group": reason.group, "title": group.zh if group else reason.group, "text": reason.text_zh}
    return {"group": reason.group, "title": group.en if group else reason.group, "text": reason.text_en}


def _customer_risk(
    context: ResponseContext, customer: Score | Exclusion, extras: dict[str, Any]
) -> CustomerRisk:
    fields = customer_fields(context, customer) | extras
    return ScoredCustomer(**fields) if isinstance(customer, Score) else ExcludedCustomer(**fields)


def _extras(read_session: ReadSession, customer_id: str, include: list[Any]) -> dict[str, Any]:
    """The fields of CustomerExtras that were asked for."""
    extras: dict[str, Any] = {}
    if "maturities" in include and (profile := read_session.profile(customer_id)):
        extras["maturities"] = tuple(map(_maturity, profile.maturities))
    if "history" in include:
        history = reversed(read_session.history(customer_id))
        past = [earlier for earlier in history if earlier.run.run_id != read_session.run.run_id]
        extras["history"] = tuple(map(_past_risk, past[:WEEKS]))
    if "contacts" in include:
        latest = contacts.latest_of(read_session.connection, customer_id, CONTACTS)
        extras["contacts"] = tuple(map(contact_schema, latest))
        extras["opted_out_since"] = contacts.opted_out_since(read_session.connection, customer_id)
    return extras


def _maturity(maturity: Maturity) -> MaturitySchema:
    return MaturitySchema(
        product=maturity.product_name,
        product_class=maturity.product_class,
        matures_on=maturity.matures_on,
        balance=maturity.balance_minor / 100,
    )


def _past_risk(past: Earlier) -> PastRisk:
    fields = vars(past.run) | vars(past.score)
    fields |= {"aum": past.score.aum_minor / 100, "money_at_risk": past.score.money_at_risk_minor / 100}
    return PastRisk(**{name: fields[name] for name in PastRisk.model_fields})


def _run_with(access: Access, customer_id: str) -> Run:
    """The served run. Raises HTTPException 404 for a customer whom it does not know."""
    with access.at_run() as read_session:
        if read_session.customer(customer_id) is None:
            raise HTTPException(404, NO_CUSTOMER)
        return read_session.run
