"""Scores, nulls, stability, and every test that a partition is put to."""
