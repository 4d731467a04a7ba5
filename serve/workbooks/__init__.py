"""The lists as Excel."""
