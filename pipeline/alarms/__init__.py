"""Alarms that reach an operator, the record of what ran, and the status of a bank."""
