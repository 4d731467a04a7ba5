"""Evaluation of models: their figures, intervals, groups and cards, and the pages that show them."""
