"""Batches and jobs as rows: begin, lease, cancel, and tell the workers."""
