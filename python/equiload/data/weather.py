"""From weather to the water that cooling takes."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import FloatArray, read_floats, read_number
from ..errors import InputError
from .readings import Book, Cell, Clock, Source, sheet, stepped
from .table import TimeTable

_TEMPERATURE = ("temp", "temperature", "temperature_2m*", "temperature*", "temp*", "tmp*")
_HUMIDITY = ("rhum", "relative_humidity_2m*", "relative_humidity*", "humidity*", "rh*")


def wet_bulb(temperature: ArrayLike, humidity: ArrayLike) -> FloatArray:
    """Return the wet-bulb temperature of air at sea level.

    Parameters
    ----------
    temperature : array_like
        Degrees Celsius, -20 to 50.
    humidity : array_like
        Relative humidity in percent; below 5 and above 99 the formula is taken at those.

    Returns
    -------
    ndarray of float64
        Degrees Celsius; the formula's error is within -1 and +0.65 degrees.

    Raises
    ------
    InputError
        If a temperature or a humidity is out of range.

    References
    ----------
    Stull (2011), Wet-bulb temperature from relative humidity and air temperature, Journal of
    Applied Meteorology and Climatology 50, equation 1, doi:10.1175/JAMC-D-11-0143.1.
    """
    t, h = read_floats("temperature", temperature), read_floats("humidity", humidity)
    try:
        np.broadcast_shapes(t.shape, h.shape)
    except ValueError:
        raise InputError(f"humidity has shape {h.shape}; temperature has {t.shape}") from None
    _require_between("temperature", t, -20.0, 50.0, "degrees Celsius")
    _require_between("humidity", h, 0.0, 100.0, "percent")
    h = np.clip(h, 5.0, 99.0)
    result: FloatArray = (
        t * np.arctan(0.151977 * np.sqrt(h + 8.313659))
        + np.arctan(t + h)
        - np.arctan(h - 1.676331)
        + 0.00391838 * h**1.5 * np.arctan(0.023101 * h)
        - 4.686035
    )
    return result


@overload
def water_use(wet_bulb_temperature: TimeTable, cycles: float = ...) -> TimeTable: ...


@overload
def water_use(wet_bulb_temperature: ArrayLike, cycles: float = ...) -> FloatArray: ...


def water_use(
    wet_bulb_temperature: TimeTable | ArrayLike, cycles: float = 5.0
) -> TimeTable | FloatArray:
    """Return the water that cooling towers use per energy of the servers.

    Parameters
    ----------
    wet_bulb_temperature : TimeTable or array_like
        Degrees Celsius, as `read_weather` returns them.
    cycles : float
        Cycles of concentration S: how often the water goes round before it is drained; above 1.

    Returns
    -------
    TimeTable
        Litres per kWh, which are m3 per MWh; 0 where the formula would be negative. An array gives
        an array.

    Raises
    ------
    InputError
        If the cycles are not above 1.

    References
    ----------
    ``S/(S-1) (6e-5 T^3 - 0.01 T^2 + 0.61 T - 10.40)`` with T in degrees Fahrenheit, fitted to a
    commercial cooling tower: Islam, Ren, Quan, Shakir and Vasilakos, Water-constrained geographic
    load balancing in data centers, IEEE Transactions on Cloud Computing 5 (2017).
    """
    s = read_number("cycles", cycles, "it must be above 1", 1.0, open_=True)
    given = wet_bulb_temperature
    celsius = given.values if isinstance(given, TimeTable) else read_floats("temperature", given)
    _require_between("temperature", celsius, -100.0, 100.0, "degrees Celsius")
    f = celsius * 1.8 + 32.0
    rate: FloatArray = np.maximum(
        s / (s - 1.0) * (6e-5 * f**3 - 0.01 * f**2 + 0.61 * f - 10.40), 0.0
    )
    if not isinstance(wet_bulb_temperature, TimeTable):
        return rate
    there = wet_bulb_temperature
    return TimeTable(rate, there.site_names, there.slot_times, "m3/MWh", notes=there.notes)


def read_weather(
    *sources: Source, timezone: str | None = None, step: str | None = "1h", fill: int = 0
) -> TimeTable:
    """Read temperature and humidity, and return the wet-bulb temperature.

    Parameters
    ----------
    *sources : path or DataFrame
        One station each, named by its file, as Meteostat and Open-Meteo export them: columns "time"
        or "date", "temp" or "temperature_2m (°C)", "rhum" or "relative_humidity_2m (%)". A column
        "station" or "location" names the station instead.
    timezone : str, optional
        Of times that do not say it; "UTC" or an IANA name.
    step : str, optional
        Means over slots of this length; None keeps the readings.
    fill : int
        Most slots in a row to fill by a straight line.

    Returns
    -------
    TimeTable
        Wet-bulb temperature in degrees Celsius, for `water_use`.

    Raises
    ------
    InputError
        If a column, a time or a number is missing or broken.
    """
    book = Book()
    for n, source in enumerate(sources):
        table = sheet(source, "time", "date", "datetime")
        header = table.header[table.column("time", "date", "datetime")]
        clock = Clock(timezone, usual="UTC" if "utc" in header.casefold() else "")
        columns = [table.column("time", "date", "datetime"), table.column(*_TEMPERATURE)]
        place = table.find("station", "location", "location_id")
        rows = table.cells(*columns, table.column(*_HUMIDITY), place)
        for time, warm, damp, name in rows:
            given = name.text or (table.stem if table.source != "frame" else f"station {n}")
            value = _reading(warm.number(), damp.number(0.0), warm)
            book.add(given, clock.read(time), value, time.place)
    book, seconds = stepped(book, step)
    return book.table("degC", fill, step=seconds)


def _require_between(field: str, values: FloatArray, low: float, high: float, unit: str) -> None:
    wrong = values[~((values >= low) & (values <= high))]
    if wrong.size:
        raise InputError(f"{field} {wrong.flat[0]:g} is not within {low:g} to {high:g} {unit}")


def _reading(temperature: float, humidity: float, cell: Cell) -> float:
    if np.isnan(temperature) or np.isnan(humidity):
        return float("nan")
    try:
        return float(wet_bulb(temperature, humidity))
    except InputError as error:
        raise cell.wrong(f"{error}; is it in degrees Fahrenheit?") from None
