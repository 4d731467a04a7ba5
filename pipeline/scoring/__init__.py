"""Scores of a Monday: probabilities, reasons, what changed since the last one, profiles."""
