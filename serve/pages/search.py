"""The search of a customer by number, from the frame of every page."""

import re
import unicodedata
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from serve.auth.access import Granted
from serve.http.paths import path_part
from serve.http.responses import ID
from serve.pages.page import Page, asked_run, go, show_run

pages = APIRouter(include_in_schema=False, route_class=Page)
# As people and Excel write them into a number: blanks, dashes, and what no eye sees.
_SEPARATORS = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\u00ad'’\-‐-―−－]+")


@pages.get("/customers")
def find_customer(
    request: Request, access: Granted, number: Annotated[str, Query(max_length=128)] = ""
) -> Response:
    """On to the customer with exactly this number. A foreign one and an unknown one are answered alike.

    The number is tried as it was typed, and then without what separates its parts and in narrow digits.
    """
    typed = number.strip()
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))
    tried = [text for text in dict.fromkeys((typed, plain)) if re.fullmatch(ID, text)]
    access.about(*tried[-1:])
    with asked_run(access, "") as session:
        known = session.customers(tried)
        customer_id = next((text for text in tried if text in known), None)
        if customer_id is None:
            return show_run(request, "no_customer.html", session, status=404, number=typed)
    access.about(customer_id)
    return go(f"/customers/{path_part(customer_id)}")
