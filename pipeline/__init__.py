"""Runs: ingest, snapshots, train, score, publish, lists, and the made-up bank."""
