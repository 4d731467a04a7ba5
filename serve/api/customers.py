"""Customers: risk, reasons, contacts and history of one or many, and whether one may be called."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import HTTPException, Query
from pydantic import Field

from configs.published import Decision, Exclusion, Run, Score
from serve.api.contacts import ContactSchema
from serve.api.requests import (
    BODY,
    NO_CUSTOMER,
    CustomerId,
    MoneyWritten,
    OpenedStore,
    TextLanguage,
    authorized_router,
    exemplified,
)
from serve.api.risk import Band, Risk, risk_fields
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.responses import (
    ID,
    Money,
    OptionalMoney,
    Probability,
    ResponseContext,
    RunResponse,
    Schema,
    written_amount,
)
from serve.store import contacts
from serve.store.read_session import LONGEST, Earlier, ReadSession
from serve.texts.wording import Wording

WEEKS = 52  # of history
CONTACTS = 20
router = authorized_router("customers")


class PastRisk(Schema):
    """A customer's figures in the run of an earlier Monday."""

    snapshot_date: date
    run_id: str
    model_id: str
    risk_30d: Probability | None = None
    risk_60d: Probability | None = None
    risk_90d: Probability | None = None
    risk: Probability
    horizon_days: int
    risk_band: Band
    aum: OptionalMoney
    money_at_risk: OptionalMoney


class MaturitySchema(Schema):
    """A holding that falls due within 90 days of the snapshot."""

    product: str
    product_class: str
    matures_on: date
    balance: Money


class PersonSchema(Schema):
    """Name and telephone, as the bank delivers them; a pseudonymous role gets null."""

    name: str | None
    phone: str | None


class CustomerExtras(Schema):
    """Fields that are null unless ``include`` asks for them."""

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
    person: PersonSchema | None = Field(
        default=None, description="name and telephone; null too where the bank delivers neither"
    )


class ScoredCustomer(CustomerExtras, Risk, RunResponse):
    """A customer with a score."""

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
    """A customer whom the run does not know, or whom the role may not see."""

    status: Literal["unknown"]


class CustomersAsked(Schema):
    """The customers whose risk is asked for."""

    customer_ids: tuple[Annotated[str, Field(pattern=ID)], ...] = Field(min_length=1, max_length=LONGEST)


class CustomersRisk(RunResponse):
    """The risks of many customers."""

    customers: tuple[
        Annotated[ScoredCustomer | ExcludedCustomer | UnknownCustomer, Field(discriminator="status")], ...
    ] = Field(description="one per number asked for, in that order")


class OptOut(RunResponse):
    """The opt-out of a customer, if there is one."""

    customer_id: str
    opted_out_since: date | None = Field(default=None, description="null: the customer may be called")


CustomerRisk = Annotated[ScoredCustomer | ExcludedCustomer, Field(discriminator="status")]
Included = Annotated[
    list[Literal["maturities", "history", "contacts", "person"]],
    Query(
        max_length=10,
        description=f"what falls due, {WEEKS} weeks of earlier runs, the latest {CONTACTS} contacts "
        "with an opt-out, name and telephone",
    ),
]
_NO_EXTRAS = dict.fromkeys(CustomerExtras.model_fields)


@router.get(
    "/customers/{customer_id}/risk", responses=exemplified("customer_risk") | documented(e404=NO_CUSTOMER)
)
def customer_risk(
    customer_id: CustomerId,
    access: Granted,
    language: TextLanguage = "en",
    include: Included = [],  # noqa: B006
    money: MoneyWritten = "number",
) -> CustomerRisk:
    """A customer's risk, reasons and decision in the served run, or the code of the exclusion."""
    with access.at_run() as read_session:
        customer = read_session.customer(customer_id)
        if customer is None:
            raise HTTPException(404, NO_CUSTOMER)
        context = access.context(read_session.run, language, money)
        decisions = read_session.decisions([customer_id])
        extras = _extras(context, read_session, customer_id, include)
    fields = _fields(context, customer, decisions) | extras
    return ScoredCustomer(**fields) if isinstance(customer, Score) else ExcludedCustomer(**fields)


@router.post("/customers/risk", responses=exemplified("customers_risk") | BODY)
def customers_risk(
    asked: CustomersAsked, access: Granted, language: TextLanguage = "en", money: MoneyWritten = "number"
) -> CustomersRisk:
    """The risks of up to 1,000 customers, in the order asked for; ``unknown`` for a number not known."""
    numbers = [access.number(shown) for shown in asked.customer_ids]
    wanted = dict.fromkeys(number for number in numbers if number is not None)
    access.about(*wanted)
    with access.at_run() as read_session:
        customers = read_session.customers(list(wanted))
        decisions = read_session.decisions(list(wanted))
    context = access.context(read_session.run, language, money)
    risks = [_fields(context, customers.get(number or ""), decisions) for number in numbers]
    return CustomersRisk.model_validate({**context.source, "customers": risks})


@router.put(
    "/customers/{customer_id}/opt-out", responses=exemplified("opt_out") | documented(e404=NO_CUSTOMER)
)
def opt_out(customer_id: CustomerId, access: Granted, store: OpenedStore) -> OptOut:
    """Opts a customer out of all lists from the next run on. A repeated request changes nothing."""
    run = _run_with(access, customer_id)
    with store.append() as connection:
        since = contacts.opt_out(connection, customer_id, datetime.now(UTC), access.author)
    return OptOut(**access.context(run).source, customer_id=customer_id, opted_out_since=since)


@router.delete(
    "/customers/{customer_id}/opt-out",
    responses=exemplified("withdraw_opt_out") | documented(e404=NO_CUSTOMER),
)
def withdraw_opt_out(customer_id: CustomerId, access: Granted, store: OpenedStore) -> OptOut:
    """Withdraws an opt-out: the customer may be called again. A repeated request changes nothing."""
    run = _run_with(access, customer_id)
    with store.append() as connection:
        contacts.withdraw_opt_out(connection, customer_id, datetime.now(UTC), access.author)
    return OptOut(**access.context(run).source, customer_id=customer_id)


def customer_fields(context: ResponseContext, score: Score, decision: Decision) -> dict[str, Any]:
    """The fields of ScoredCustomer in their order, to be sent with or without the model around them."""
    return {
        **context.source,
        **risk_fields(context, score, decision),
        **_NO_EXTRAS,
        "status": "scored",
        "branch_id": score.branch_id,
        "manager_id": score.manager_id,
        "marketing_opt_out": bool(score.marketing_opt_out),
        "currency": context.run.base_currency,
    }


def excluded_fields(context: ResponseContext, exclusion: Exclusion) -> dict[str, Any]:
    """The fields of ExcludedCustomer, likewise."""
    return {
        **context.source,
        **_NO_EXTRAS,
        "status": "excluded",
        "customer_id": exclusion.customer_id,
        "code": exclusion.code,
        "explanation": Wording(context.language).term("excluded", exclusion.code),
    }


def _fields(
    context: ResponseContext, customer: Score | Exclusion | None, decisions: Mapping[str, Decision]
) -> dict[str, Any]:
    if customer is None:
        return {"status": "unknown"}
    if isinstance(customer, Exclusion):
        return excluded_fields(context, customer)
    return customer_fields(context, customer, decisions[customer.customer_id])


def _extras(
    context: ResponseContext, read_session: ReadSession, customer_id: str, include: list[Any]
) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    profiles = read_session.profiles([customer_id]) if {"maturities", "person"} & {*include} else {}
    profile = profiles.get(customer_id)
    if profile and "person" in include and (profile.name or profile.phone):
        extras["person"] = {"name": profile.name or None, "phone": profile.phone or None}
    if profile and "maturities" in include:
        extras["maturities"] = [
            {
                "product": maturity.product_name,
                "product_class": maturity.product_class,
                "matures_on": maturity.matures_on,
                "balance": written_amount(maturity.balance_minor, context.money),
            }
            for maturity in profile.maturities
        ]
    if "history" in include:
        history = reversed(read_session.history(customer_id))
        earlier = [past for past in history if past.run.run_id != read_session.run.run_id]
        extras["history"] = [_past_risk(context, past) for past in earlier[:WEEKS]]
    if "contacts" in include:
        latest = contacts.latest_of(read_session.connection, customer_id, CONTACTS)
        extras["contacts"] = [
            ContactSchema.model_validate(contact, from_attributes=True) for contact in latest
        ]
        extras["opted_out_since"] = contacts.opted_out_since(read_session.connection, customer_id)
    return extras


def _past_risk(context: ResponseContext, past: Earlier) -> PastRisk:
    earlier = replace(context, run=past.run)
    fields = vars(past.run) | vars(past.score) | {"risk": past.score.risk}
    fields |= {name: earlier.amount(fields[f"{name}_minor"]) for name in ("aum", "money_at_risk")}
    return PastRisk(**{name: fields[name] for name in PastRisk.model_fields})


def _run_with(access: Access, customer_id: str) -> Run:
    """The served run. Raises HTTPException 404 for a customer whom it does not know."""
    with access.at_run() as read_session:
        if read_session.customer(customer_id) is None:
            raise HTTPException(404, NO_CUSTOMER)
        return read_session.run
