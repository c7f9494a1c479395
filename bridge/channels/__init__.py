"""Destinations we deliver to: one file each, and one line in `registry.py`."""
