"""The least that a dataset must be: one row group an episode, and the real LeRobot gives every frame of it in order."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq
from interop_lerobot import LeRobotDataset
from torch.utils.data import DataLoader


def main() -> int:
    root = Path(sys.argv[1])
    for path in sorted(root.glob("data/*/*.parquet")):
        groups = [pq.read_metadata(path).row_group(n).num_rows for n in range(pq.read_metadata(path).num_row_groups)]
        numbers = pq.read_table(path, columns=["episode_index"])["episode_index"].to_pylist()
        if groups != [numbers.count(number) for number in dict.fromkeys(numbers)]:
            print(f"FAIL {path.name} has {len(groups)} row groups for {len(set(numbers))} episodes")
            return 1
    dataset = LeRobotDataset(f"local/{root.name}", root=root)
    seen = 0
    for batch in DataLoader(dataset, batch_size=8):
        if batch["index"].tolist() != list(range(seen, seen + len(batch["index"]))):
            print(f"FAIL rows after {seen} are not in order")
            return 1
        seen += len(batch["index"])
    if seen != dataset.meta.total_frames:
        print(f"FAIL {seen} of {dataset.meta.total_frames} rows were given")
        return 1
    print(f"CONFORMANT: {seen} rows of {dataset.num_episodes} episodes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
