"""Whom a manager calls: one decision per customer, and the lists that follow from them.

Pure: reads no store.
"""
