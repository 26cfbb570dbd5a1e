"""Repair a dataset v3.0: examine it, say what would be put right, and make that its next state."""
