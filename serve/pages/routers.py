"""Every page of the service."""

from serve.pages import customers, figures, lists, sign_in

ROUTERS = (
    sign_in.open_pages,
    sign_in.start_page,
    *(noun.pages for noun in (lists, customers, figures)),
)
