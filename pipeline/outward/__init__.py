"""What leaves the house after a run: announcements, signed webhooks, attempts with growing pauses."""
