"""Numbers as parts of a path: ``/lists/12%2F345`` asks for the list of manager 12/345.

A server decodes a path before it is routed, so that an encoded slash and one between two parts look alike.
"""

import re
from urllib.parse import quote, unquote

from starlette.types import Scope

_SLASH = "\x1f"  # stands for a slash within a part; no number holds a control character
_SPACING = re.compile(r"[^+0-9]")
_PHONE = re.compile(r"\s*\+?[0-9 ()./-]*[0-9][0-9 ()./-]*")
_ENCODED = re.compile(rb"%2f", re.IGNORECASE)


def routable(scope: Scope) -> Scope:
    """The scope of a request whose path has slashes between its parts alone."""
    raw = scope.get("raw_path") or b""
    if b"%" not in raw:
        return scope
    return {**scope, "path": unquote(_ENCODED.sub(quote(_SLASH).encode(), raw).decode("latin-1"))}


def number_in(part: str) -> str:
    """The number that a part of a routable path names."""
    return part.replace(_SLASH, "/")


def path_part(number: str) -> str:
    """
    >>> path_part("12/345"), path_part("A 1?#%")
    ('12%2F345', 'A%201%3F%23%25')
    """
    return quote(number, safe="")


def crm_address(template: str, customer_id: str) -> str | None:
    """The customer's page in the bank's CRM; None without a template.

    >>> crm_address("https://crm.bank.example/?id={customer_id}#top", "A&1/2")
    'https://crm.bank.example/?id=A%261%2F2#top'
    """
    return template.replace("{customer_id}", path_part(customer_id)) if template else None


def phone_address(phone: str) -> str | None:
    """The address that calls a number (RFC 3966); None for what is no plain number.

    >>> phone_address("+49 (30) 55 01-7"), phone_address("021/5550 ext. 4")
    ('tel:+493055017', None)
    """
    return f"tel:{_SPACING.sub('', phone)}" if _PHONE.fullmatch(phone) else None


def path_of(scope: Scope) -> str:
    """The path of a request as it was asked for, percent-encoded."""
    return str((scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1"))


def header(scope: Scope, name: bytes) -> bytes:
    """The content of a header, in the order of the request joined by commas; empty without one."""
    return b",".join([content for sent, content in scope["headers"] if sent == name])
