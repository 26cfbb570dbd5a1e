"""`kind = "lerobot"`: whatever an installed LeRobot drives, as robot, teleoperator or camera (docs/devices.md).

LeRobot is imported at run time by `library.py` alone, so this package imports without it.
"""
