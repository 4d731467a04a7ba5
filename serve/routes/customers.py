"""What is known of one customer."""

from fastapi import HTTPException

from serve import examples
from serve.access import Granted
from serve.answers import customers as shown
from serve.problems import documented
from serve.requests import CustomerId, ShownIn, found, guarded_router

router = guarded_router("customers")


@router.get(
    "/customers/{customer_id}/risk",
    responses=found(examples.CUSTOMER_RISK)
    | documented(
        e404="The run that is served knows no such customer.",
        e422="path.customer_id: String should match pattern",
    ),
)
def customer_risk(customer_id: CustomerId, access: Granted, language: ShownIn = "en") -> shown.CustomerRisk:
    """How likely a customer is to leave, with how much money and why; or why the customer has no score."""
    with access.reading() as reading:
        known = reading.customer(customer_id)
    if known is None:
        raise HTTPException(404, "The run that is served knows no such customer.")
    return shown.customer_risk(access.view(reading.run, language), known)
