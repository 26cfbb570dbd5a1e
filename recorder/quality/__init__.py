"""Measure takes and mark what is wrong with them."""
