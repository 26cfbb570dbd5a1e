"""Check a dataset folder against what it promises: a report of problems and notes."""
