"""Access control: tokens, the one table of rights, pseudonyms, the access log, rate limits."""
