"""Fits and judges matrices; knows no bank."""
