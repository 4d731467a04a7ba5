"""Drafts of a bank's settings and SELECTs, made from its raw files."""
