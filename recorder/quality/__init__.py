"""Measure takes and flag their defects."""
