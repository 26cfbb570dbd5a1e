"""Verify a dataset folder: report problems, which break readers, and notes."""
