"""Read-only lists: filters, order, counts and pages."""
