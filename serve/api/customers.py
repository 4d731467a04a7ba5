"""Customers: risk, reasons, contacts and history of one or many, and whether one may be called."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import HTTPException
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
)
from serve.store import contacts
from serve.store.read_session import LONGEST
from serve.texts.wording import Wording

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
_NO_EXTRAS = dict.fromkeys(CustomerExtras.model_fields)


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
    risks = [fields_of(context, customers.get(number or ""), decisions) for number in numbers]
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


def fields_of(
    context: ResponseContext, customer: Score | Exclusion | None, decisions: Mapping[str, Decision]
) -> dict[str, Any]:
    if customer is None:
        return {"status": "unknown"}
    if isinstance(customer, Exclusion):
        return excluded_fields(context, customer)
    return customer_fields(context, customer, decisions[customer.customer_id])


def _run_with(access: Access, customer_id: str) -> Run:
    """The served run. Raises HTTPException 404 for a customer whom it does not know."""
    with access.at_run() as read_session:
        if read_session.customer(customer_id) is None:
            raise HTTPException(404, NO_CUSTOMER)
        return read_session.run
