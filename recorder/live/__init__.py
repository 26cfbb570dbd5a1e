"""Rigs and browsers over websockets."""
