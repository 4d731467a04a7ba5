"""Mail to readers of lists, as a bank's settings describe it."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, field_validator

from configs.strict import Named, Strict

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def is_address(text: str) -> bool:
    """True for a mail address: ``local@domain`` in ASCII, without quotes, comments and blanks (RFC 5321).

    >>> is_address("li.lei@bank.example"), is_address("Li Lei <li.lei@bank.example>")
    (True, False)
    """
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def address(text: str) -> str:
    """The text. Raises ValueError where it is no mail address."""
    if not is_address(text):
        raise ValueError(f"{text!r} is no mail address. Write it like branch01@bank.example.")
    return text


def is_encrypted(link: str) -> bool:
    """True for an https address; http is for loopback alone, to try things out."""
    parts = urlsplit(link)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    plain = link.isascii() and link.isprintable() and " " not in link
    return bool(plain and parts.hostname and (parts.scheme == "https" or local))


class Mail(Strict):
    """The sender of notices, the link in them, and the readers of branch lists.

    ``branches``: the address of whoever reads a branch's own list, by branch_id. ``common_list``: of whoever
    reads the list of customers with neither manager nor branch. Nothing is sent while ``sender`` or ``link``
    is empty.
    """

    sender: str
    link: str
    branches: Named[Annotated[str, AfterValidator(address)]]

    common_list: str

    @field_validator("sender", "common_list")
    @classmethod
    def _from(cls, sender: str) -> str:
        return address(sender) if sender else sender

    @field_validator("link")
    @classmethod
    def _encrypted(cls, link: str) -> str:
        if link and not is_encrypted(link):
            raise ValueError(f"{link!r} is no https address. Write the one at which the service is reached.")
        return link
