"""RealSense cameras through librealsense (pyrealsense2), without LeRobot.

Imported only when a rig file names the kind.
"""
