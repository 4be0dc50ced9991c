"""Measurements that take too long for a page, kept with their seeds."""
