"""Drivers that want packages of their own. The registry imports one when a rig file names it; nothing else does."""
