"""Call lists: one decision per customer and week, notifications, outcomes of calls and their effect."""
