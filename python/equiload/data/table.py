"""A footprint by slot and site, with its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class FootprintTable:
    """A footprint by hour and site, ready for `Problem` and `from_pandas`.

    ``Problem(..., footprints={"carbon": table}, site_names=table.site_names,
    slot_times=table.slot_times)`` takes one as it is.

    Attributes
    ----------
    values : ndarray of float64, shape (T, I)
        The burden per MWh.
    site_names : tuple of str
        The place of every column.
    slot_times : ndarray of datetime64, shape (T,)
        The hour of every row, UTC, without gaps.
    unit : str
        Of the values, such as "t/MWh".
    """

    values: NDArray[np.float64]
    site_names: tuple[str, ...]
    slot_times: NDArray[np.datetime64]
    unit: str

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the values."""
        array = np.asarray(self.values, dtype=dtype)
        return array.copy() if copy else array

    def at(self, *names: str) -> FootprintTable:
        """Return the columns of some places, in the order given.

        Parameters
        ----------
        *names : str
            Names of places; one may occur several times, for sites that share a grid.

        Raises
        ------
        InputError
            If there is no such place.
        """
        for name in names:
            if name not in self.site_names:
                raise InputError(f"there is no {name!r}; there are {', '.join(self.site_names)}")
        columns = [self.site_names.index(name) for name in names]
        return FootprintTable(self.values[:, columns], names, self.slot_times, self.unit)

    def between(self, start: str, stop: str) -> FootprintTable:
        """Return the slots from `start` up to, not including, `stop`.

        Parameters
        ----------
        start, stop : str
            Times in UTC, such as ``"2024-01-01"`` or ``"2024-01-01T06"``.

        Raises
        ------
        InputError
            If one is no time, or the table does not cover them.
        """
        try:
            first, last = np.datetime64(start, "h"), np.datetime64(stop, "h")
        except ValueError as error:
            raise InputError(f"between {start!r} and {stop!r}: {error}") from None
        begins, ends = self.slot_times[0], self.slot_times[-1] + np.timedelta64(1, "h")
        if not begins <= first < last <= ends:
            raise InputError(f"{first} to {last} is not within {begins} to {ends}")
        rows = (self.slot_times >= first) & (self.slot_times < last)
        return FootprintTable(self.values[rows], self.site_names, self.slot_times[rows], self.unit)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a frame with a row an hour (UTC, without a time zone) and a column a place.

        Raises
        ------
        InputError
            If the package pandas is missing.
        """
        pd = require_pandas()
        times = pd.DatetimeIndex(self.slot_times.astype("datetime64[ns]"), name="slot")
        return pd.DataFrame(self.values, index=times, columns=list(self.site_names))

    def __repr__(self) -> str:
        """Summarise in one line."""
        slots = f"{len(self.slot_times)} slots from {self.slot_times[0]}"
        return f"FootprintTable({slots}, {', '.join(self.site_names)}, {self.unit})"


def require_pandas() -> Any:
    """Import pandas, or say how to get it."""
    try:
        import pandas
    except ImportError:
        raise InputError('frames need the package pandas: pip install "equiload[data]"') from None
    return pandas
