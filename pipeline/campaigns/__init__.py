"""Campaigns: approved ones are sent to their audience, and what they achieved is measured."""
