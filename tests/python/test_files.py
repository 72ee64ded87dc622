import json
import sys

import numpy as np
import pytest

import equiload as el
from equiload.data import from_xarray, load, save, to_xarray, world


def _rich():
    """A problem with every optional part, and numbers that short decimals would not bring back."""
    rng = np.random.Generator(np.random.PCG64(1))
    slots, gateways, sites = 5, 3, 4
    network = el.Network.complete(gateways, sites).with_delays({1: 2}, cost_per_slot=0.1)
    network = network.with_models([el.Model("large"), el.Model("small", 0.3, 2.0)])
    return el.Problem(
        demand=rng.random((slots, gateways)),
        capacity=np.where(np.arange(sites) < 3, rng.random((slots, sites)) + 9, np.inf),
        price=rng.standard_normal((slots, sites)) / 3,
        footprints={"carbon": rng.random((slots, sites)), "water": rng.random((slots, sites))},
        equity={"carbon": el.Max(1 / 3), "water": el.Sum(0.1)},
        network=network,
        regions={"carbon": ["north", "south, east", "north", "2"], "water": [2, 0, 1, 0]},
        history={"water": rng.random(3)},
        sensitivity={"carbon": rng.random(3) + 0.1},
        quadratic=rng.random(sites),
        shed_cost=1e3 / 7,
        site_names=["A", 'B "quoted"', "C, comma", "Ōsaka"],
        gateway_names=["x", "x", "y"],
        slot_times=np.datetime64("2024-02-28T22:30") + 60 * np.arange(slots),
    )


def _plain():
    return el.Problem(demand=np.ones((2, 1)), capacity=5.0, price=[[1.0, 0.1]] * 2)


PROBLEMS = {
    "rich": _rich,
    "plain": _plain,
    "world": lambda: world(6, 4, 5),
    "text times": lambda: _plain().replace(slot_times=["Monday", "Tuesday"]),
}


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_folder_round_trip(tmp_path, make):
    problem = make()
    save(problem, tmp_path / "deep" / "scenario")
    again = load(tmp_path / "deep" / "scenario")
    assert again == problem
    assert again.network.models == problem.network.models
    if problem.slot_times is not None:
        assert again.slot_times.dtype == problem.slot_times.dtype


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_netcdf_round_trip(tmp_path, make):
    pytest.importorskip("xarray", reason="NetCDF files need xarray")
    pytest.importorskip("h5py", reason="xarray writes NetCDF files by h5netcdf and h5py")
    problem = make()
    save(problem, tmp_path / "scenario.nc")
    assert load(tmp_path / "scenario.nc") == problem


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_dataset_round_trip(make):
    pytest.importorskip("xarray", reason="datasets need xarray")
    problem = make()
    dataset = to_xarray(problem)
    assert from_xarray(dataset.transpose()) == problem  # whatever the order of the dimensions
    assert dataset.price.attrs["units"] == "USD/MWh"


def test_part_of_a_dataset():
    pytest.importorskip("xarray", reason="datasets need xarray")
    problem = world(6, 4, 5)
    part = from_xarray(to_xarray(problem).isel(slot=slice(1, 3)))
    np.testing.assert_array_equal(part.demand, problem.demand[1:3])
    np.testing.assert_array_equal(part.slot_times, problem.slot_times[1:3])


def test_broken_datasets_are_explained():
    pytest.importorskip("xarray", reason="datasets need xarray")
    dataset = to_xarray(_plain())
    with pytest.raises(el.InputError, match='no variable "price"'):
        from_xarray(dataset.drop_vars("price"))
    with pytest.raises(el.InputError, match='"demand" is over time, gateway, not slot, gateway'):
        from_xarray(dataset.assign(demand=dataset.demand.rename(slot="time")))
    with pytest.raises(el.InputError, match="scenario"):
        from_xarray(dataset.drop_attrs())


@pytest.fixture
def folder(tmp_path):
    save(world(4, 3, 5), tmp_path)
    return tmp_path


def _edit(file, line, column, text):
    rows = [row.split(",") for row in file.read_text().splitlines()]
    rows[line - 1][column] = text
    file.write_text("\n".join(map(",".join, rows)) + "\n")


def test_a_bad_number_is_found(folder):
    _edit(folder / "price.csv", 4, 2, "12;5")
    site = load_names(folder)[1]
    with pytest.raises(el.InputError, match=rf"price\.csv, line 4, column {site}: '12;5' is not"):
        load(folder)


def load_names(folder):
    return (folder / "price.csv").read_text().splitlines()[0].split(",")[1:]


def test_a_bad_value_is_found_by_the_problem(folder):
    _edit(folder / "price.csv", 4, 2, "nan")
    with pytest.raises(el.InputError, match=r"price\[slot 2 .*site 1 .* is NaN"):
        load(folder)


def test_a_short_row_is_found(folder):
    file = folder / "demand.csv"
    file.write_text(file.read_text().rstrip("\n").rpartition(",")[0] + "\n")
    with pytest.raises(el.InputError, match=r"demand\.csv, line 6: 3 columns; the first has 4"):
        load(folder)


def test_swapped_columns_are_found(folder):
    _edit(folder / "footprint_water.csv", 1, 1, "Elsewhere")
    with pytest.raises(el.InputError, match=r"footprint_water\.csv: site 0 is 'Elsewhere'"):
        load(folder)


def test_a_missing_slot_is_found(folder):
    file = folder / "footprint_carbon.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(el.InputError, match=r"footprint_carbon\.csv: 4 slots; .* has 5"):
        load(folder)


@pytest.mark.parametrize("name", ["scenario.json", "price.csv", "sites.csv", "arcs.csv"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(el.InputError, match=rf"{name}: No such file"):
        load(folder)


@pytest.mark.parametrize("text", ["", "slot,a,b\n"])
def test_an_empty_file_is_named(folder, text):
    (folder / "price.csv").write_text(text)
    with pytest.raises(el.InputError, match=r"price\.csv: no rows"):
        load(folder)


def test_text_that_is_not_utf8(folder):
    (folder / "price.csv").write_bytes(b"slot,K\xf6ln\n0,1\n")
    with pytest.raises(el.InputError, match=r"price\.csv: .*utf-8"):
        load(folder)


def _with_header(folder, **changes):
    file = folder / "scenario.json"
    header = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({k: v for k, v in header.items() if v is not ...}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "another"}, '"format" must be'),
        ({"tables": ...}, 'no entry "tables"'),
        ({"footprints": ...}, 'no entry "footprints"'),
        ({"tables": []}, '"tables" a mapping'),
        ({"footprints": ["noise"]}, '"tables" has no "footprint_noise"'),
        ({"equity": {"carbon": {"function": "Least"}}}, "no function 'Least'"),
        ({"equity": {"carbon": {"function": "Max"}}}, "weight"),
        ({"equity": {"carbon": {"function": "Max", "weight": -1}}}, "weight"),
        ({"labels": {"slot": "datetime64[nonsense]"}}, "slot_times"),
    ],
)
def test_a_bad_header_is_explained(folder, changes, message):
    _with_header(folder, **changes)
    with pytest.raises(el.InputError, match=message):
        load(folder)


def test_json_that_is_none(folder):
    (folder / "scenario.json").write_text('{"format":\n oops}')
    with pytest.raises(el.InputError, match=r"scenario\.json, line 2"):
        load(folder)


def test_most_of_the_header_may_be_left_out(folder):
    keep = {"format", "footprints", "tables"}
    header = json.loads((folder / "scenario.json").read_text())
    _with_header(folder, **{name: ... for name in header if name not in keep})
    problem = load(folder)
    assert problem.equity == {} and problem.site_names is None
    np.testing.assert_array_equal(problem.price, world(4, 3, 5).price)


def test_without_arcs_every_gateway_uses_every_site(folder):
    header = json.loads((folder / "scenario.json").read_text())
    tables = {k: v for k, v in header["tables"].items() if not k.startswith("arc_")}
    _with_header(folder, tables=tables)
    with pytest.raises(el.InputError, match=r'arcs\.csv: "tables" of scenario\.json lists nothing'):
        load(folder)
    (folder / "arcs.csv").unlink()
    assert load(folder).network == el.Network.complete(3, 4)


def test_places_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(el.InputError, match="file"):
        save(_plain(), file)


def test_netcdf_without_xarray(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    for act in (lambda: save(_plain(), tmp_path / "a.nc"), lambda: load(tmp_path / "a.nc")):
        with pytest.raises(el.InputError, match=r"pip install \"equiload\[data\]\""):
            act()


def test_a_netcdf_file_that_is_none(tmp_path):
    pytest.importorskip("xarray", reason="NetCDF files need xarray")
    (tmp_path / "a.nc").write_text("no NetCDF")
    for name in ("a.nc", "missing.nc"):
        with pytest.raises(el.InputError, match=name):
            load(tmp_path / name)
