"""What is published and what comes back: the tables, whole publications, read sessions, the logs."""
