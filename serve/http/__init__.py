"""The layers that every request and response passes: limits, headers, errors, metrics, logs."""
