"""Make a dataset v3.0 of a LeRobotDataset v1.x, v2.0 or v2.1. Packets are copied, and nothing there is changed."""
