"""Units, currencies and steps of what is read; units are converted by Pint.

Files state their unit as text ("gCO₂eq/kWh", "EUR/MWh", "cents per kilowatt-hour"), which has to
be converted, not only carried along as a CF attribute would be; so that is left to Pint (extra
`data`), which is imported where a unit really changes.  What a result is in stands in CF-style
`units` attributes of its frames and datasets.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from .._arrays import read_mapping, read_number, require_a
from ..errors import InputError

USD_PER_MWH = "USD/MWh"
# What a problem's tables are in.
OURS = {"demand": "MWh", "capacity": "MWh", "price": USD_PER_MWH, "carbon": "t/MWh"}
OURS["water"] = "m3/MWh"

_CURRENCIES: tuple[str, ...] = (
    "USD",
    "EUR",
    "GBP",
    "CHF",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "CZK",
    "HUF",
    "RON",
    "BGN",
)
_CURRENCIES += ("CAD", "AUD", "NZD", "JPY", "CNY", "INR", "SGD", "KRW", "BRL", "MXN", "ZAR", "TRY")
_SPELLINGS = (
    (r"[-_ ]?co(2|₂)[-_ ]?(equivalent|eq|e)?(?![a-z])", ""),
    (r"\$", "USD"),
    (r"€", "EUR"),
    (r"£", "GBP"),
    (r"\b(us[ -]?)?(cents?|¢|ct)(?=/| per|\b)|¢", "cent"),
    (r"\b(lbs|pounds?)\b", "lb"),
    (r"\b(tons?|tonnes?|metric tons?)\b", "metric_ton"),
    (r"\bt\b", "metric_ton"),
    (r"\bm(3|³|\^3)", "m**3"),
    (r"\bl(?=/|\b)", "liter"),
    (r"megawatt[- ]?hours?", "MWh"),
    (r"kilowatt[- ]?hours?", "kWh"),
    (r"megawatts?", "MW"),
    (r"[ _]+per[ _]+", "/"),
    (r"\bmwh\b", "MWh"),
    (r"\bkwh\b", "kWh"),
    (r"\bgwh\b", "GWh"),
    (r"\bwh\b", "Wh"),
    (r"\bmw\b", "MW"),
    (r"\bkw\b", "kW"),
    (r"\bdegc\b|°c", "degC"),
)


def factor(
    unit: str, to: str, rates: Mapping[str, float] | None = None, hours: float = 1.0
) -> float:
    """Return what a number in `unit` is multiplied with to be in `to`.

    Parameters
    ----------
    unit, to : str
        The units; power becomes the energy of a slot.
    rates : mapping of str to float, optional
        What one unit of a currency is worth in USD.
    hours : float
        The length of a slot, for power.

    Raises
    ------
    InputError
        If a unit is unknown, the two do not measure the same, or a currency has no rate.
    """
    require_a("unit", to, str)
    if unit == to:
        return 1.0
    said = read_mapping("rates", rates)
    known = tuple(sorted((name.upper(), rate) for name, rate in said.items()))
    registry = _registry(known)
    have, want = _unit(registry, unit, known), _unit(registry, to, known)
    if have.dimensionality == registry.MW.dimensionality and want.is_compatible_with("MWh"):
        return float((1 * have).to("MW").magnitude) * hours * float((1 * registry.MWh).to(want).m)
    if not have.is_compatible_with(want):
        raise InputError(f"unit {unit!r} cannot be turned into {to}: they measure different things")
    return float((1 * have).to(want).magnitude)


@functools.lru_cache(maxsize=8)
def _registry(rates: tuple[tuple[str, float], ...]) -> Any:
    try:
        import pint
    except ImportError:
        raise InputError(
            'other units need the package pint: pip install "equiload[data]"'
        ) from None
    registry: Any = pint.UnitRegistry()
    registry.define("USD = [money]")
    registry.define("cent = 0.01 USD")
    for name, rate in rates:
        value = read_number(f"rates[{name!r}]", rate, "it must be above 0", 0.0, open_=True)
        if name != "USD":
            registry.define(f"{name} = {value!r} USD")
    return registry


def _unit(registry: Any, text: str, rates: tuple[tuple[str, float], ...]) -> Any:
    plain = text.strip().casefold()
    for pattern, spelling in _SPELLINGS:
        plain = re.sub(pattern, spelling, plain)
    plain = re.sub(r"\b([a-z]{3})\b(?!\*)", lambda m: _currency(m[1]), plain).replace("_/", "/")
    priced = {"USD", *(name for name, _ in rates)}
    for name in re.findall(r"\b[A-Z]{3}\b", plain):
        if name in _CURRENCIES and name not in priced:
            mend = f'rates={{"{name}": 1.1}} says that one {name} is worth 1.1 USD'
            raise InputError(f"unit {text!r}: {name} has no rate to USD; {mend}")
    try:
        return registry.Unit(plain)
    except Exception:  # Pint raises errors of several kinds for text that is no unit
        raise InputError(f"unit {text!r} is unknown; write it as in EUR/MWh or g/kWh") from None


def _currency(name: str) -> str:
    return name.upper() if name.upper() in _CURRENCIES else name


def seconds_of(step: str | None) -> int | None:
    """Read a step such as "1h" or "15min" in seconds."""
    if step is None:
        return None
    require_a("step", step, str)
    match = re.fullmatch(r"(\d*) ?(min|h|d|minutes?|hours?|days?)", step.strip().casefold())
    count = int(match[1] or 1) if match else 0
    if match is None or count < 1:
        raise InputError(f'step is {step!r}; it must be a time such as "15min", "1h" or "1d"')
    return count * {"m": 60, "h": 3600, "d": 24 * 3600}[match[2][0]]
