"""Answers by name and time: frames, rows, files that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ._arrays import AnyArray, FloatArray, require_a
from .errors import InputError
from .problem import Problem

if TYPE_CHECKING:
    import pandas

__all__ = ["Labelled", "plan_columns", "write_plan"]

PLAN = ("slot", "gateway", "site", "delay", "model", "work")
_ROWS = 1_000_000  # of a plan that are in memory at a time, about


class Labelled:
    """What solutions and runs have in common: their arrays by name and time."""

    problem: Problem
    footprints: dict[str, FloatArray]
    site_load: FloatArray
    allocation: FloatArray

    def burden(self, footprint: str) -> dict[str, float]:
        """Return the total burden of every region by its name.

        Parameters
        ----------
        footprint : str
            Such as "carbon".

        Returns
        -------
        dict of str to float
            ``solution.burden("carbon")["Texas"]``, history included; the heaviest window where the
            footprint has windows.

        Raises
        ------
        InputError
            If there is no such footprint.

        Examples
        --------
        >>> solution = el.solve(problem, tol=1e-3)
        >>> name = problem.site_names[0]
        >>> solution.burden("carbon")[name] == float(solution.footprints["carbon"][0])
        True
        """
        names = self.problem.region_names
        require_a("footprint", footprint, str)
        if footprint not in names:
            raise InputError(f"there is no footprint {footprint!r}; there are {', '.join(names)}")
        totals = np.asarray(self._host().footprints[footprint])
        heaviest = totals if totals.ndim == 1 else totals.max(axis=1)
        return dict(zip(names[footprint], heaviest.tolist(), strict=True))

    def to_pandas(self) -> dict[str, pandas.DataFrame]:
        """Return the answer as frames with names and times.

        Returns
        -------
        dict of str to DataFrame
            "plan": a row for every piece of work that is served, with slot (of release), gateway,
            site, delay, model and work (MWh). "load": slots by sites, MWh. "burden": footprint and
            region, with the total and, for a solution, the price of a unit more. "price": slots by
            sites, for a solution what a MWh more costs there at the margin, burdens included; for
            a run the price of energy.

        Raises
        ------
        InputError
            If the package pandas is missing.
        """
        from .data.table import require_pandas

        pd, host, problem = require_pandas(), self._host(), self.problem
        slots = pd.Index(slot_labels(problem), name="slot")
        sites = pd.Index(site_labels(problem), name="site")
        prices = getattr(host, "prices", None)
        marginal = getattr(prices, "energy", problem.price)
        frames = {
            "plan": pd.concat(
                [pd.DataFrame(part) for part in plan_columns(problem, host.allocation)]
                or [pd.DataFrame(columns=list(PLAN))],
                ignore_index=True,
            ),
            "load": pd.DataFrame(np.asarray(host.site_load), index=slots, columns=sites),
            "burden": pd.DataFrame(self._burden_rows()).set_index(["footprint", "region"]),
            "price": pd.DataFrame(np.asarray(marginal), index=slots, columns=sites),
        }
        for name, unit in (("load", "MWh"), ("price", "USD/MWh")):
            frames[name].attrs["units"] = unit
        return frames

    def save_plan(self, path: str | os.PathLike[str]) -> bool:
        """Write the plan if the path ends in `.csv` or `.parquet`; say whether it does.

        Parameters
        ----------
        path : path
            A file that is there stays as it is until the new one is complete.

        Raises
        ------
        InputError
            If the path cannot be written, or pyarrow is missing for Parquet.
        """
        from .data.disk import read_path, replacing

        path = read_path(path)
        if path.suffix not in (".csv", ".parquet"):
            return False
        with replacing(path) as file:
            write_plan(self.problem, self._host().allocation, file, path.suffix)
        return True

    def _host(self) -> Any:
        """Return the answer in NumPy arrays."""
        return self.on_host() if hasattr(self, "on_host") else self

    def _burden_rows(self) -> dict[str, list[Any]]:
        """Return the columns of the table of burdens: a row a region, or a region and window."""
        host = self._host()
        priced = getattr(getattr(host, "prices", None), "equity", None)
        columns: dict[str, list[Any]] = {"footprint": [], "region": []}
        windows = any(np.ndim(totals) == 2 for totals in host.footprints.values())
        columns |= {"window": []} if windows else {}
        columns |= {"total": []} | ({} if priced is None else {"price": []})
        for name, totals in host.footprints.items():
            values = np.asarray(totals).reshape(len(totals), -1)
            for g, region in enumerate(self.problem.region_names[name]):
                for w in range(values.shape[1]):
                    columns["footprint"].append(name)
                    columns["region"].append(region)
                    columns["total"].append(float(values[g, w]))
                    if windows:
                        columns["window"].append(w)
                    if priced is not None:
                        columns["price"].append(float(np.reshape(priced[name], values.shape)[g, w]))
        return columns


def slot_labels(problem: Problem) -> Any:
    """Return the times of the slots, or their numbers."""
    times = problem.slot_times
    if times is None:
        return np.arange(problem.slots)
    return times.astype("datetime64[ns]") if times.dtype.kind == "M" else times


def site_labels(problem: Problem) -> list[str]:
    """Return the names of the sites, or their numbers."""
    return list(problem.site_names or map(str, range(problem.sites)))


def gateway_labels(problem: Problem) -> list[str]:
    """Return the names of the gateways, or their numbers."""
    return list(problem.gateway_names or map(str, range(problem.gateways)))


def plan_columns(problem: Problem, allocation: AnyArray) -> Iterator[dict[str, AnyArray]]:
    """Yield the plan as columns with a row for every piece of work served, some slots at a time.

    Parameters
    ----------
    problem : Problem
        The problem.
    allocation : ndarray of float64, shape (T, A)
        Work on every arc.

    Yields
    ------
    dict of str to ndarray
        slot, gateway, site, delay, model, work.
    """
    network, times = problem.network, slot_labels(problem)
    gateways = np.array(gateway_labels(problem), dtype=object)[network.gateway]
    sites = np.array(site_labels(problem), dtype=object)[network.site]
    models = np.full(problem.arcs, "", dtype=object)
    if network.models:
        models = np.array([model.name for model in network.models], dtype=object)[network.model]
    step = max(1, _ROWS // max(1, problem.arcs))
    for start in range(0, problem.slots, step):
        t, a = np.nonzero(np.asarray(allocation[start : start + step]) > 0)
        if t.size:
            yield {
                "slot": times[start + t],
                "gateway": gateways[a],
                "site": sites[a],
                "delay": network.delay[a],
                "model": models[a],
                "work": np.asarray(allocation)[start + t, a],
            }


def write_plan(problem: Problem, allocation: AnyArray, file: BinaryIO, suffix: str) -> None:
    """Write a plan as CSV or Parquet, some slots at a time.

    Parameters
    ----------
    problem : Problem
        The problem.
    allocation : ndarray of float64, shape (T, A)
        Work on every arc.
    file : binary file
        Where to.
    suffix : {".csv", ".parquet"}
        The format.

    Raises
    ------
    InputError
        If Parquet is asked for and the package pyarrow is missing.
    """
    parts = plan_columns(problem, allocation)
    (_write_csv if suffix == ".csv" else _write_parquet)(parts, file)


def _write_csv(parts: Iterator[Mapping[str, AnyArray]], file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PLAN)
    for part in parts:
        columns = dict(part)
        if columns["slot"].dtype.kind == "M":
            columns["slot"] = stamps(columns["slot"])
        writer.writerows(zip(*(columns[name].tolist() for name in PLAN), strict=True))
    text.flush()
    text.detach()


def stamps(times: AnyArray) -> AnyArray:
    """Write times as text, in whole seconds and with the Z of UTC."""
    written = np.datetime_as_string(times.astype("datetime64[s]"))
    return np.char.add(written, "Z")


def _write_parquet(parts: Iterator[Mapping[str, AnyArray]], file: BinaryIO) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            'Parquet needs the package pyarrow: pip install "equiload[parquet]"'
        ) from None
    writer = None
    for part in parts:
        table = pyarrow.table(dict(part))
        if writer is None:
            writer = pyarrow.parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is None:
        raise InputError("the plan serves no work; there is nothing to write")
    writer.close()


def write_table(path: Path, head: list[str], rows: Iterator[list[Any]] | list[list[Any]]) -> None:
    """Write a small table as CSV, whole or not at all."""
    from .data.disk import replacing

    with replacing(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
        text.flush()
        text.detach()
