"""What is known of customers."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import HTTPException, Query

from serve.answers import contacts as shown_contacts
from serve.answers import customers as shown
from serve.answers import examples
from serve.auth.access import Access, Granted
from serve.http.problems import documented
from serve.http.requests import BODY, NO_CUSTOMER, CustomerId, OpenedStore, ShownIn, authorized_router, found
from serve.store import contacts
from serve.store.read_session import Earlier, ReadSession

WEEKS = 52  # of history
CONTACTS = 20

router = authorized_router("customers")
Included = Annotated[
    list[Literal["maturities", "history", "contacts"]],
    Query(
        max_length=10,
        description=f"what falls due, {WEEKS} weeks of earlier runs, the latest {CONTACTS} contacts with an opt-out",
    ),
]


@router.get(
    "/customers/{customer_id}/risk",
    responses=found(examples.CUSTOMER_RISK) | documented(e404=NO_CUSTOMER),
)
def customer_risk(
    customer_id: CustomerId,
    access: Granted,
    language: ShownIn = "en",
    include: Included = [],  # noqa: B006
) -> shown.CustomerRisk:
    """How likely a customer is to leave, with how much money and why; or why the customer has no score."""
    with access.at_run() as read_session:
        known = read_session.customer(customer_id)
        if known is None:
            raise HTTPException(404, NO_CUSTOMER)
        beside = _beside(read_session, customer_id, include)
    return shown.customer_risk(access.view(read_session.run, language), known, **beside)


def _beside(read_session: ReadSession, customer_id: str, include: list[Any]) -> dict[str, Any]:
    """The fields of Beside that were asked for."""
    beside: dict[str, Any] = {}
    if "maturities" in include and (profile := read_session.profile(customer_id)):
        beside["maturities"] = tuple(map(shown.maturity, profile.maturities))
    if "history" in include:
        beside["history"] = tuple(map(shown.past_risk, _past(read_session, customer_id)))
    if "contacts" in include:
        latest = contacts.latest_of(read_session.connection, customer_id, CONTACTS)
        beside["contacts"] = tuple(map(shown_contacts.contact_shown, latest))
        beside["opted_out_since"] = contacts.opted_out_since(read_session.connection, customer_id)
    return beside


def _past(read_session: ReadSession, customer_id: str) -> list[Earlier]:
    """The runs of earlier Mondays, the newest first."""
    history = reversed(read_session.history(customer_id))
    return [one for one in history if one.run_id != read_session.run.run_id][:WEEKS]


@router.post("/customers/risk", responses=found(examples.CUSTOMERS_RISK) | BODY)
def customers_risk(
    asked: shown.CustomersAsked, access: Granted, language: ShownIn = "en"
) -> shown.CustomersRisk:
    """The same of up to 1,000 customers at once, in the order asked for; ``unknown`` in the place of each other one."""
    numbers = [access.number(one) for one in asked.customer_ids]
    wanted = dict.fromkeys(one for one in numbers if one is not None)
    access.about(*wanted)
    with access.at_run() as read_session:
        known = read_session.customers(list(wanted))
    return shown.customers_risk(
        access.view(read_session.run, language), (known.get(one or "") for one in numbers)
    )


@router.put(
    "/customers/{customer_id}/opt-out", responses=found(examples.OPT_OUT) | documented(e404=NO_CUSTOMER)
)
def opt_out(customer_id: CustomerId, access: Granted, store: OpenedStore) -> shown_contacts.OptOut:
    """The customer wants no more calls: on no list from the next run on. Once more changes nothing."""
    run = _known(access, customer_id)
    with store.append() as connection:
        since = contacts.opt_out(connection, customer_id, datetime.now(UTC), access.author)
    return shown_contacts.opt_out(access.view(run), customer_id, since)


@router.delete(
    "/customers/{customer_id}/opt-out", responses=found(examples.NO_OPT_OUT) | documented(e404=NO_CUSTOMER)
)
def withdraw_opt_out(customer_id: CustomerId, access: Granted, store: OpenedStore) -> shown_contacts.OptOut:
    """The customer may be called again. Once more changes nothing."""
    run = _known(access, customer_id)
    with store.append() as connection:
        contacts.withdraw_opt_out(connection, customer_id, datetime.now(UTC), access.author)
    return shown_contacts.opt_out(access.view(run), customer_id, None)


def _known(access: Access, customer_id: str) -> Any:
    """The served run. Raises HTTPException 404 for a customer whom it does not know."""
    with access.at_run() as read_session:
        if read_session.customer(customer_id) is None:
            raise HTTPException(404, NO_CUSTOMER)
        return read_session.run
