"""LeRobot's video functions with LeRobot's names and arguments, implemented with `robotdata.video`.

No other room uses this one.
"""
