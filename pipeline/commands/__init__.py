"""The command line: one file per kind of command, and what commands print."""
