"""LeRobot's video functions under LeRobot's names, on top of `robotdata.video`. No other room uses it."""
