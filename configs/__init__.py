"""The declarations: settings, table contracts, dates, errors, and one folder per bank."""
