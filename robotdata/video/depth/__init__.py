"""Depth maps: the scale, the codes in a video, the packets in a take, and pictures for people."""
