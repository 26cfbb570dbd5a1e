"""Rigs and browsers on websockets."""
