"""The score store: its tables, whole publications, read sessions, recorded contacts, the audit logs."""
