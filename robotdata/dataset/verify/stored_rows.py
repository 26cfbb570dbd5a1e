"""The statistics of numeric features in the tables of episodes, by episode."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.layout import EPISODES_GLOB
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import is_numbers, read_table, to_numpy
from robotdata.dataset.verify.quantiles import SHARES
from robotdata.dataset.verify.sums import BASE


class StoredRows:
    """Reads the tables once; `only` are the episodes that are asked for, None all of them."""

    def __init__(self, dataset: DatasetFolder, keys: list[str], only: Collection[int] | None) -> None:
        self._tables: list[pa.Table] = []
        self._places: dict[int, tuple[int, int]] = {}
        names = ["episode_index", *(f"stats/{key}/{name}" for key in keys for name in (*BASE, *SHARES))]
        for path in sorted(dataset.root.glob(EPISODES_GLOB)):
            try:
                table = read_table(path, names, root=dataset.root)
            except DamagedFile:
                continue  # reported when the dataset was opened
            numbers = to_numpy(table.column("episode_index")) if "episode_index" in table.column_names else None
            if numbers is None or not is_numbers(numbers) or not np.isfinite(numbers).all():
                continue
            if only is not None:
                wanted = np.isin(numbers, np.fromiter(only, np.int64))
                table, numbers = table.filter(wanted), numbers[wanted]
            self._places |= {int(number): (len(self._tables), row) for row, number in enumerate(numbers.tolist())}
            self._tables.append(table.combine_chunks())
        # Looked up for each value: `column_names` makes a list of hundreds of names.
        self._columns = [{name: n for n, name in enumerate(table.column_names)} for table in self._tables]
        self._arrays: dict[tuple[int, str], NDArray[Any]] = {}

    def of(self, episode: int, key: str) -> dict[str, Any] | None:
        """Return the stored statistics of one feature of one episode; None if there are none."""
        if episode not in self._places:
            return None
        table_number, row = self._places[episode]
        table, columns = self._tables[table_number], self._columns[table_number]
        found = {
            name: value
            for name in (*BASE, *SHARES)
            if (position := columns.get(f"stats/{key}/{name}")) is not None
            and (value := table.column(position)[row].as_py()) is not None
        }
        return found or None

    def together(self, key: str, episodes: Sequence[int]) -> dict[str, NDArray[np.float64]] | None:
        """Return each of BASE of these episodes, (k, d), count (k, 1); None if one is missing or has another shape."""
        places = [self._places[number] for number in episodes if number in self._places]
        if not places or len(places) < len(episodes) or any(place[0] != places[0][0] for place in places):
            return None
        table_number, rows = places[0][0], np.array([row for _, row in places], np.int64)
        found = {}
        for name in BASE:
            column = self._array(table_number, f"stats/{key}/{name}")
            if column is None:
                return None
            found[name] = column[rows]
        widths = {found[name].shape[1] for name in BASE[:4]}
        return found if len(widths) == 1 and found["count"].shape[1] == 1 else None

    def _array(self, table_number: int, name: str) -> NDArray[np.float64] | None:
        """Return a column as (rows, d); None if rows are missing or differ in length."""
        if (table_number, name) not in self._arrays:
            table = self._tables[table_number]
            values = to_numpy(table.column(name)) if name in table.column_names else np.empty(0, object)
            is_flat = name not in table.column_names or table.column(name).null_count
            self._arrays[table_number, name] = np.empty(0, object) if is_flat else values
        values = self._arrays[table_number, name]
        if values.dtype == object or values.dtype.kind not in "iufb":
            return None
        return values.reshape(len(values), -1).astype(np.float64)
