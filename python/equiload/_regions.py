"""Where a site's burden falls: on one region each, or by shares on several (a burden map).

In both forms the numbers of a footprint's `regions` say it all: whole numbers (I,) name the region
of each site, floats (G, I) are the map R, of which R[g, i] is the share of what site i burdens that
falls on region g.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ._arrays import AnyArray, Axis, FloatArray, IntArray, read_floats, require
from ._labels import labels_of, require_unique
from .errors import InputError

__all__ = ["BurdenMap", "at_sites", "by_region", "entries", "heaviest", "is_map", "read_map"]

Regions = Any  # IntArray (I,) or FloatArray (G, I)


class BurdenMap(NamedTuple):
    """A burden map with the names of its regions, as a problem hands it on."""

    shares: AnyArray
    names: tuple[str, ...] | None = None


def is_map(value: object) -> bool:
    """Say whether a `regions` argument is a burden map: whatever has two axes."""
    if isinstance(value, BurdenMap) or _sparse(value):
        return True
    try:
        return np.ndim(value) == 2  # type: ignore[arg-type]
    except (TypeError, ValueError):  # rows of different lengths: whoever reads it will say so
        return False


def _sparse(value: object) -> bool:
    """Say whether SciPy made it; its older matrices do not tell NumPy of their axes."""
    return hasattr(value, "tocoo") and hasattr(value, "toarray")


def map_names(value: object) -> tuple[str, ...] | None:
    """Return the labels of the rows of a burden map, where it has any."""
    if isinstance(value, BurdenMap):
        return value.names
    labels = labels_of(value)
    if labels is None or len(labels) != 2 or labels[0] is None:
        return None
    return tuple(str(label) for label in labels[0])


def read_map(
    field: str, value: Any, names: tuple[str, ...] | None, site: Axis
) -> tuple[FloatArray, tuple[str, ...]]:
    """Read a burden map (G, I) and the names of its regions.

    Raises
    ------
    InputError
        If it is not over the sites, or a share is not finite or negative.
    """
    if isinstance(value, BurdenMap):
        value = value.shares
    shape = tuple(getattr(value, "shape", np.shape(value)))
    if len(shape) != 2 or shape[0] == 0 or shape[1] != site.size:
        raise InputError(
            f"{field} has shape {shape}; expected (sites,) = ({site.size},) or "
            f"(regions, sites) = (regions, {site.size})"
        )
    shares = read_floats(field, value.toarray() if _sparse(value) else value)
    numbers = tuple(map(str, range(shape[0])))
    names = numbers if names is None else names
    require_unique(field, "region", np.array(names))
    good = np.isfinite(shares) & (shares >= 0)
    region = Axis("region", shape[0], None if names == numbers else names)
    require(field, shares, good, "shares must be finite and not negative", region, site)
    return shares, names


def by_region(regions: Regions, by_site: FloatArray, count: int) -> FloatArray:
    """Return what the sites burden (I,) as what the regions bear, (G,)."""
    if is_map(regions):
        borne: FloatArray = regions @ by_site
        return borne
    return np.bincount(regions, by_site, count).astype(np.float64, copy=False)


def at_sites(regions: Regions, prices: FloatArray) -> FloatArray:
    """Return what a unit of a site's burden costs (I,) at prices of the regions' (G,)."""
    priced: FloatArray = prices @ regions if is_map(regions) else prices[regions]
    return priced


def heaviest(regions: Regions, totals: FloatArray) -> FloatArray:
    """Return for each site the largest total (G,) of the regions that it burdens, 0 for none."""
    if not is_map(regions):
        return totals[regions]
    borne: FloatArray = np.where(regions > 0, totals[:, None], 0.0).max(axis=0)
    return borne


def entries(regions: Regions) -> tuple[IntArray, IntArray | None, FloatArray | None]:
    """Return what the core takes: regions, and of a map where a site's begin and their shares."""
    if not is_map(regions):
        return regions, None, None
    site, region = np.nonzero(regions.T)
    start = np.zeros(regions.shape[1] + 1, dtype=np.int32)
    np.cumsum(np.bincount(site, minlength=regions.shape[1]), out=start[1:])
    share = np.ascontiguousarray(regions.T[site, region])
    return region.astype(np.int32), start, share
