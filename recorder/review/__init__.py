"""Changes that people make: verdicts, annotations, undo, trash."""
