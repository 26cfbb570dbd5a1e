"""An environment of gymnasium as a rig: one simulation behind the robot, the cameras and the teleoperator.

Needs the package `gymnasium` and that of the environment; imported only when a rig file asks for it.
"""
