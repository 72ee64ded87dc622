"""Values by slot and place, with their labels and their unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import read_mapping, require_a
from ..errors import InputError
from .units import seconds_of

if TYPE_CHECKING:
    import pandas

_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, eq=False)
class TimeTable:
    """Values by slot and place: prices, demand or a footprint, as the readers return them.

    ``Problem(..., footprints={"carbon": table}, site_names=table.site_names,
    slot_times=table.slot_times)`` takes one as it is; `align` takes several with different steps
    and places.

    Attributes
    ----------
    values : ndarray of float64, shape (T, I)
        The values.
    site_names : tuple of str
        The place of every column.
    slot_times : ndarray of datetime64, shape (T,)
        The beginning of every slot, UTC, without gaps.
    unit : str
        Of the values, such as "t/MWh".
    total : bool
        Whether a value is an amount in its slot (demand), which adds up when slots are merged, or
        holds throughout it (a price, an intensity), which is averaged.
    notes : tuple of str
        What was done to the data when they were read: gaps filled.
    """

    values: NDArray[np.float64]
    site_names: tuple[str, ...]
    slot_times: NDArray[np.datetime64]
    unit: str
    total: bool = False
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the values."""
        array = np.asarray(self.values, dtype=dtype)
        return array.copy() if copy else array

    @property
    def step(self) -> np.timedelta64:
        """The length of a slot; an hour where there is only one."""
        if len(self.slot_times) < 2:
            return np.timedelta64(3600, "s")
        length: np.timedelta64 = (self.slot_times[1] - self.slot_times[0]) / _SECOND * _SECOND
        return length

    @property
    def end(self) -> np.datetime64:
        """The end of the last slot."""
        return np.datetime64(self.slot_times[-1], "s") + self.step

    def at(self, *names: str) -> TimeTable:
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
            require_a("a name", name, str)
            if name not in self.site_names:
                raise InputError(f"there is no {name!r}; there are {', '.join(self.site_names)}")
        columns = [self.site_names.index(name) for name in names]
        return replace(self, values=self.values[:, columns], site_names=names)

    def rename(self, names: Mapping[str, str]) -> TimeTable:
        """Return the same values under other names of places.

        Parameters
        ----------
        names : mapping of str to str
            The new name of some of the places.

        Raises
        ------
        InputError
            If there is no such place.
        """
        names = read_mapping("names", names)
        self.at(*names)
        return replace(self, site_names=tuple(names.get(name, name) for name in self.site_names))

    def between(self, start: Any, stop: Any) -> TimeTable:
        """Return the slots from `start` up to, not including, `stop`.

        Parameters
        ----------
        start, stop : str or datetime64
            Times in UTC, such as ``"2024-01-01"`` or ``"2024-01-01T06"``.

        Raises
        ------
        InputError
            If one is no time, or the table does not cover them.
        """
        try:
            first, last = np.datetime64(start, "s"), np.datetime64(stop, "s")
        except (ValueError, TypeError, OverflowError) as error:
            between = " ".join(f"between {start!r} and {stop!r}: {error}".split())
            raise InputError(between) from None
        begins = self.slot_times[0]
        if not begins <= first < last <= self.end:
            unit = np.datetime_data(self.slot_times.dtype)[0]
            one, two, end = (time.astype(f"M8[{unit}]") for time in (first, last, self.end))
            raise InputError(f"{one} to {two} is not within {begins} to {end}")
        rows = (self.slot_times >= first) & (self.slot_times < last)
        return replace(self, values=self.values[rows], slot_times=self.slot_times[rows])

    def resample(self, step: str) -> TimeTable:
        """Return the values in slots of another length.

        Longer slots hold the mean of what they merge, or the sum of amounts (`total`); shorter ones
        repeat the value, or share the amount out evenly. Slots begin at whole multiples of the step
        since midnight UTC; incomplete ones at the ends are left out.

        Parameters
        ----------
        step : str
            Such as "15min", "1h" or "1d".

        Raises
        ------
        InputError
            If neither step is a multiple of the other, or no whole slot is covered.
        """
        require_a("step", step, str)
        new, old = seconds_of(step) or 0, int(self.step / _SECOND)
        times = self.slot_times.astype("datetime64[s]").astype(np.int64)
        if new == old:
            return self
        if new < old and old % new == 0:
            parts = old // new
            values = np.repeat(self.values, parts, axis=0) / (parts if self.total else 1)
            times = (times[:, None] + new * np.arange(parts)).ravel()
        elif new % old == 0 and times[0] % old == 0:
            parts, skip = new // old, int(-times[0] % new) // old
            slots = (len(times) - skip) // parts
            if slots < 1:
                raise InputError(f"the table covers no whole slot of {step}")
            kept = self.values[skip : skip + slots * parts].reshape(slots, parts, -1)
            values = kept.sum(axis=1) if self.total else kept.mean(axis=1)
            times = times[skip : skip + slots * parts : parts]
        else:
            raise InputError(f"slots of {old / 60:g} minutes do not fit into slots of {step}")
        return replace(self, values=values, slot_times=times.astype("datetime64[s]"))

    def to(self, unit: str, rates: Mapping[str, float] | None = None) -> TimeTable:
        """Return the values in another unit; needs Pint where the unit changes.

        Parameters
        ----------
        unit : str
            Such as "USD/MWh" or "t/MWh". MW become the MWh of each slot.
        rates : mapping of str to float, optional
            What a unit of each other currency is worth in USD: ``{"EUR": 1.08}``.

        Raises
        ------
        InputError
            If a unit is unknown, the two do not measure the same, or a currency has no rate.
        """
        from .units import factor

        hours = float(self.step / np.timedelta64(3600, "s"))
        scale = factor(self.unit, unit, rates, hours)
        return self if scale == 1.0 and unit == self.unit else self._scaled(scale, unit)

    def _scaled(self, scale: float, unit: str) -> TimeTable:
        total = self.total or unit == "MWh"  # the energy of each slot, where it was power
        return replace(self, values=self.values * scale, unit=unit, total=total)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a frame with a row a slot (UTC, without a time zone) and a column a place.

        Raises
        ------
        InputError
            If the package pandas is missing.
        """
        pd = require_pandas()
        times = pd.DatetimeIndex(self.slot_times.astype("datetime64[ns]"), name="slot")
        frame = pd.DataFrame(self.values, index=times, columns=list(self.site_names))
        frame.attrs["units"] = self.unit
        return frame

    def __repr__(self) -> str:
        """Summarise in one line."""
        slots = f"{len(self.slot_times)} slots from {self.slot_times[0]}"
        return f"TimeTable({slots}, {', '.join(self.site_names)}, {self.unit})"


def require_pandas() -> Any:
    """Import pandas, or say how to get it."""
    try:
        import pandas
    except ImportError:
        raise InputError('frames need the package pandas: pip install "equiload[data]"') from None
    return pandas
