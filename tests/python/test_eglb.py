import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from study import NEEDS_TRACE as needs_data
from study import TRACE as FOLDER

import equiload as el
from equiload.data import read_eglb

AMERICA = ["Texas", "Virginia", "Georgia", "Nevada"]
EUROPE = ["Germany", "Belguim", "Netherlands", "Denmark"]
ASIA = ["Japan", "Singapore"]
NAMES = AMERICA + EUROPE + ASIA


@pytest.fixture
def tiny(tmp_path):
    """The layout of the trace with three slots of made-up numbers."""
    times = [f"2022-09-22 {h:02}" for h in range(3)]

    def write(file, header, values):
        rows = [f"{t},{v}" for t, v in zip(times, values, strict=False)]
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join([header, *rows]) + "\n")

    write(tmp_path / "AI_workload.csv", "Time (UTC),Power (Watt)", [2708, 1354, 0])
    for n, name in enumerate(NAMES):
        for kind, suffix, unit in (
            ("price", "Price", "Price (USD/MWh)"),
            ("carbon", "carbon", "Carbon (kg/kWh)"),
            ("water", "water", " WUE (L/kWh)"),
        ):
            file = tmp_path / kind / f"{name}_{suffix}.csv"
            write(file, f"Time (UTC),{unit}", [n, n + 0.5, n + 1])
    return tmp_path


def test_set_up_of_the_study(tiny):
    problem = read_eglb(tiny)
    assert problem.site_names == problem.gateway_names == tuple(NAMES)
    np.testing.assert_array_equal(problem.demand, np.outer([1.0, 0.5, 0.0], np.ones(10)))
    np.testing.assert_array_equal(problem.capacity, np.ones(10))
    np.testing.assert_array_equal(problem.price[:, 3], [3.0, 3.5, 4.0])
    assert problem.equity == {"carbon": el.Max(1500.0), "water": el.Max(60.0)}
    assert problem.network == el.Network.complete(gateways=10, sites=10)
    assert problem.slot_times[1] == np.datetime64("2022-09-22T01")


def test_partial_connectivity(tiny):
    network = read_eglb(tiny, "partial").network
    linked = {name: set() for name in NAMES}
    for j, i in zip(network.gateway.tolist(), network.site.tolist(), strict=True):
        linked[NAMES[j]].add(NAMES[i])
    america, europe, asia = set(AMERICA), set(EUROPE), set(ASIA)
    assert linked["Texas"] == america
    assert linked["Virginia"] == linked["Georgia"] == america | europe
    assert linked["Nevada"] == america | asia
    assert linked["Denmark"] == europe | {"Virginia", "Georgia"}
    assert linked["Japan"] == asia | {"Nevada"}
    assert len(network) == 56


def test_rows_past_the_workload_are_ignored(tiny):
    file = tiny / "price" / "Japan_Price.csv"
    file.write_text(file.read_text() + "2022-09-22 03,999\n")
    assert read_eglb(tiny).price.shape == (3, 10)


def test_unknown_connectivity(tiny):
    with pytest.raises(el.InputError, match="connectivity is 'some'"):
        read_eglb(tiny, "some")


def test_a_missing_file_is_named(tiny):
    (tiny / "water" / "Nevada_water.csv").unlink()
    with pytest.raises(el.InputError, match=r"Nevada_water\.csv: No such file"):
        read_eglb(tiny)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(el.InputError, match=r"nowhere.AI_workload\.csv: No such file"):
        read_eglb(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'no column "Time'),
        ("Time (UTC),Price\n", r'no column "Price \(USD/MWh\)"'),
        ("Time (UTC),Price (USD/MWh)\n2022-09-22 00,1\n2022-09-22 01,x\n", "line 3"),
        ("Time (UTC),Price (USD/MWh)\n2022-09-22 00\n", "line 2"),
        ("Time (UTC),Price (USD/MWh)\n2022-09-22 00,1\n", "1 rows; AI_workload.csv has 3"),
    ],
)
def test_a_broken_file_is_named(tiny, text, message):
    (tiny / "price" / "Georgia_Price.csv").write_text(text)
    with pytest.raises(el.InputError, match=rf"Georgia_Price\.csv.*{message}"):
        read_eglb(tiny)


@needs_data
def test_the_public_trace():
    problem = read_eglb(FOLDER)
    assert problem.demand.shape == (457, 10)
    assert problem.demand.max() == 1.0
    assert problem.slot_times[-1] == np.datetime64("2022-10-11T00")
    assert problem.price[0, 0] == 38.35
    assert problem.footprints["water"][0, 0] == 6.100516801435519
    assert problem.price.min() < 0


@needs_data
@pytest.mark.parametrize(
    ("connectivity", "optimum"), [("full", 623661.3525), ("partial", 629943.2094)]
)
def test_optimum_of_the_study(connectivity, optimum):
    """Optima by HiGHS; the full one is also the study's own figure."""
    solution = el.solve(read_eglb(FOLDER, connectivity), tol=1e-6)
    assert solution.status == "optimal"
    assert (
        solution.iterations < 2000
    )  # the peak slot's prices are unbounded: they must not lead astray
    assert solution.objective == pytest.approx(optimum, rel=1.1e-6)
    assert solution.lower_bound <= optimum * (1 + 1e-9) <= solution.objective * (1 + 2e-9)


@needs_data
def test_the_published_rows(monkeypatch, capsys):
    """All that the authors' notebook prints; of the paper, what its carbon does not touch."""
    example = Path(__file__).parents[2] / "examples" / "published_rows.py"
    monkeypatch.setattr(sys, "argv", [str(example), str(FOLDER)])
    runpy.run_path(str(example), run_name="__main__")
    notebook, paper = (part.splitlines() for part in capsys.readouterr().out.split("\n\n"))
    assert len(notebook) == 27 and not any("differs" in line for line in notebook)
    assert [line[:10] for line in paper if "differs" not in line][1:] == [
        "GLB-Cost, ",
        "GLB-Water,",
        "Nearest, f",
        "GLB-C2, pa",
    ]
