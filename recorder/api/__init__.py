"""Serve `/api/`: everything that the pages can do. One error shape, bounded inputs, cursor pagination."""
