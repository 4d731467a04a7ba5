"""Figures of a published run: drift, coverage, and outcomes once they have matured."""
