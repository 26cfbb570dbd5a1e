"""Build the next state of a dataset beside the old one, and put it in its place: commits, edits, reverts."""
