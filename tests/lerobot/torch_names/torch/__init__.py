"""The three names of torch that LeRobot's hardware modules take for their annotations while they are imported.

torch itself is 0.5 GB and, from PyPI, needs CUDA's libraries to be imported; none of the drivers computes with it.
"""

from __future__ import annotations


class Tensor: ...


class device: ...


class dtype: ...
