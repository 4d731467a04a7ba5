"""Who may see what: tokens, the one table of rights, pseudonyms, and who asks for too much."""
