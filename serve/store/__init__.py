"""What is published and what comes back: the tables, whole publications, pinned readings, the logs."""
