"""Where publications and roll-backs are announced, as a bank's settings describe it."""

from pydantic import field_validator

from configs.mail import is_encrypted
from configs.strict import Strict


class Announcements(Strict):
    """``webhook``: the https address that takes a signed POST of each; empty: none is sent."""

    webhook: str

    @field_validator("webhook")
    @classmethod
    def _encrypted(cls, webhook: str) -> str:
        if webhook and not is_encrypted(webhook):
            raise ValueError(f"{webhook!r} is no https address. Write the one that takes announcements.")
        return webhook
