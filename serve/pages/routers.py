"""Every page of the service."""

from serve.pages import branches, customers, effect, lists, model, outcomes, sign_in

ROUTERS = (
    sign_in.open_pages,
    sign_in.start_page,
    *(noun.pages for noun in (lists, customers, outcomes, branches, effect, model)),
)
