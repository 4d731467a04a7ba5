"""Cohort, features and labels of Mondays, bucket by bucket: on this machine or on Spark."""
