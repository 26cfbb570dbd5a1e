"""Bring datasets in from zip files and folders, and send them out as zip files."""
