"""Looks at tables: the cohort, the features and the labels of a snapshot."""
