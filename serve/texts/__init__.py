"""Texts that people read, in English and Chinese, and how figures are written in them."""
