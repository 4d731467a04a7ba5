"""Shows published scores: store, HTTP API, manager lists. Imports nothing heavy."""
