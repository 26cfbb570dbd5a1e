"""Make a dataset v3.0 of a LeRobotDataset v2.0 or v2.1. Packets are copied; nothing is encoded or changed there."""
