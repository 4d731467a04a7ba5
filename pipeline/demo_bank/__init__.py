"""A made-up Chinese branch network as raw extracts, with planted reasons to leave and the truth beside."""

from pipeline.demo_bank.bank import Bank
from pipeline.demo_bank.files import write_demo_bank

__all__ = ["Bank", "write_demo_bank"]
