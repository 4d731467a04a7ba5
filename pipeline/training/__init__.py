"""Training, comparison, registration and promotion of models."""
