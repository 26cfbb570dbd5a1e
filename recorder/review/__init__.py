"""People's changes: verdicts, annotations, undo, trash."""
