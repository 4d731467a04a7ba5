"""Gates before a publication: figures of a run, limits learnt from the bank's own history, and verdicts."""
