"""What every request and answer passes, whatever it is about: sizes, headers, errors, figures, logs,
stopping."""
