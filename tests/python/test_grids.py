"""Carbon of grids as it is published, and problems from pandas frames."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import equiload as el

HEADER = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method"
)
OLD_HEADER = (
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO₂eq/kWh (direct),"
    "Carbon Intensity gCO₂eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,"
    "Data Source,Data Estimated,Data Estimation Method"
)


def zone_rows(zone: str, hours: list[int], direct: list[object], day: int = 1) -> list[str]:
    return [
        f"2024-01-{day:02} {hour:02}:00:00,Land,Land,{zone},{value},{float(value or 0) + 40},"
        "50,40,grid.example,false,"
        for hour, value in zip(hours, direct, strict=True)
    ]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def zones(tmp_path) -> list[Path]:
    """Two zones, one an hour later than the other and in two files, one as in older years."""
    first = write(
        tmp_path / "DE.csv", HEADER, *zone_rows("DE", range(5), [400, 410, 420, 430, 440])
    )
    second = write(tmp_path / "FR-1.csv", OLD_HEADER, *zone_rows("FR", [1, 2], [50.5, 60]))
    third = write(tmp_path / "FR-2.csv", HEADER, *zone_rows("FR", [2, 3, 4], [60, 70, 80]))
    return [first, second, third]


def test_electricity_maps(zones):
    table = el.data.read_electricity_maps(*zones)
    assert table.site_names == ("DE", "FR") and table.unit == "t/MWh"
    assert (
        table.slot_times.tolist()
        == np.arange("2024-01-01T01", "2024-01-01T05", dtype="M8[h]").tolist()
    )
    np.testing.assert_allclose(
        table.values.T, [[0.41, 0.42, 0.43, 0.44], [0.0505, 0.06, 0.07, 0.08]]
    )
    whole = el.data.read_electricity_maps(*zones, emissions="life cycle")
    np.testing.assert_allclose(whole.values, table.values + 0.04)
    assert "4 slots from 2024-01-01T01, DE, FR, t/MWh" in repr(table)


def test_a_table_goes_into_a_problem(zones):
    table = (
        el.data.read_electricity_maps(*zones)
        .at("FR", "DE", "DE")
        .between("2024-01-01T02", "2024-01-01T04")
    )
    problem = el.Problem(
        demand=np.ones((2, 1)),
        capacity=1.0,
        price=np.full(3, 40.0),
        footprints={"carbon": table},
        equity={"carbon": el.Max(100.0)},
        site_names=["Paris", "Berlin", "Munich"],  # two of one zone
        slot_times=table.slot_times,
    )
    np.testing.assert_allclose(problem.footprints["carbon"][:, 0], [0.06, 0.07])
    assert problem.slot_axis.at(0) == "slot 0 (2024-01-01T02)"
    assert el.solve(problem).status == "optimal"


def test_a_choice_that_is_not_there_is_named(zones):
    table = el.data.read_electricity_maps(*zones)
    with pytest.raises(el.InputError, match="there is no 'ES'; there are DE, FR"):
        table.at("ES")
    with pytest.raises(el.InputError, match="2024-01-01T00 to 2024-01-01T03 is not within"):
        table.between("2024-01-01", "2024-01-01T03")
    with pytest.raises(el.InputError, match="between 'now and then' and '2024'"):
        table.between("now and then", "2024")


def test_short_gaps_are_filled_when_asked(tmp_path):
    path = write(tmp_path / "DE.csv", HEADER, *zone_rows("DE", [0, 1, 4, 5], [100, "", 400, 500]))
    table = el.data.read_electricity_maps(path, fill=3)
    np.testing.assert_allclose(table.values[:, 0], [0.1, 0.175, 0.25, 0.325, 0.4, 0.5])
    for fill in (0, 2):
        with pytest.raises(el.InputError, match="3 hours are missing from 2024-01-01 01:00 UTC on"):
            el.data.read_electricity_maps(path, fill=fill)


ROWS = zone_rows("DE", [0, 1, 2], [100, 200, 300])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], 'no column "datetime (utc)" in its first row'),
        (["a,b"], 'no column "datetime (utc)" in a, b'),
        ([HEADER.replace("Zone id", "Zone")], 'no column "zone id"'),
        ([HEADER.replace("(direct)", "")], 'no column "carbon intensity gco2eq/kwh (direct)"'),
        ([HEADER], "there is no file to read, or no row in any"),
        ([HEADER, "2024-01-01 00:00:00,Land"], "row 2: 2 cells; the header has 11"),
        (
            [HEADER, ROWS[0], ROWS[1].replace("200", "low", 1)],
            "row 3, column 'Carbon intensity gCO₂eq/kWh (direct)': 'low' is no number",
        ),
        ([HEADER, ROWS[0].replace("100", "-1", 1)], "'-1' is no number of at least 0"),
        ([HEADER, ROWS[0].replace("100", "inf", 1)], "'inf' is no number of at least 0"),
        (
            [HEADER, ROWS[0].replace("2024-01-01", "01/01/2024")],
            "row 2, column 'Datetime (UTC)': '01/01/2024 00:00:00' is",
        ),
        ([HEADER, ROWS[0].replace("2024-01-01", "2024-02-31")], "'2024-02-31 00:00:00' is no time"),
        (
            [HEADER, ROWS[0].replace("00:00:00", "00:30:00")],
            "'Datetime (UTC)': 2024-01-01 00:30:00 is no full hour",
        ),
        ([HEADER, ROWS[0].replace(",DE,", ",,")], "row 2, column 'Zone id': the zone is missing"),
        (
            [HEADER, *ROWS, ROWS[1].replace("200", "201", 1)],
            "DE.csv, row 5: DE has another value for 2024-01-01 01:00 UTC",
        ),
        ([HEADER, ROWS[0], ROWS[2]], "DE: an hour is missing from 2024-01-01 01:00 UTC on, after"),
        (
            [HEADER, ROWS[0], ROWS[1].replace("200", "", 1), ROWS[2]],
            "row 3: the value is empty; DE: an hour is missing from 2024-01-01 01:00",
        ),
        ([HEADER, ROWS[0].replace("100", "", 1)], "DE has no hour with a value"),
        (
            [HEADER, ROWS[0], *zone_rows("FR", [0], [5], day=3)],
            "DE ends at 2024-01-01 00:00 UTC, before FR begins at 2024-01-03 00:00",
        ),
    ],
)
def test_what_is_wrong_with_a_zone_is_named(tmp_path, lines, message):
    path = write(tmp_path / "DE.csv", *lines) if lines else tmp_path / "DE.csv"
    path.touch()
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.data.read_electricity_maps(path)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(el.InputError, match=r"none\.csv: No such file"):
        el.data.read_electricity_maps(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(el.InputError, match=r"bytes\.csv: not text in UTF-8"):
        el.data.read_watttime(tmp_path / "bytes.csv")
    with pytest.raises(el.InputError, match="emissions is 'all'"):
        el.data.read_electricity_maps(emissions="all")


def five_minutes(hours: float, first: float = 1000.0, date: str = "2024-06-01") -> list[tuple]:
    """A reading every five minutes, each 1 lb/MWh more than the last."""
    return [
        (f"{date}T{n // 12:02}:{n % 12 * 5:02}:00+00:00", first + n)
        for n in range(round(12 * hours))
    ]


def watttime_csv(path: Path, points: list[tuple], header: str = "timestamp,MOER") -> Path:
    rows = (f"{time},{value},3.2,300" for time, value in points)
    return write(path, f"{header},MOER version,frequency", *rows)


def answer(points: list[tuple], **meta: object) -> dict:
    about = {"region": "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh"}
    data = [{"point_time": time, "value": value} for time, value in points]
    return {"data": data, "meta": about | meta}


POUND = 0.45359237e-3


def test_watttime_csv_and_json_say_the_same(tmp_path):
    points = five_minutes(3)
    old = [
        {"point_time": t, "value": v, "frequency": 300, "ba": "CAISO_NORTH", "datatype": "MOER"}
        for t, v in points
    ]
    sources = [
        watttime_csv(tmp_path / "CAISO_NORTH_2024-06_MOER.csv", points),
        watttime_csv(tmp_path / "CAISO_NORTH_co2_moer_2024.csv", points, "point_time,value"),
        write(tmp_path / "v3.json", json.dumps(answer(points))),
        write(tmp_path / "several.json", json.dumps([answer(points[:20]), answer(points[12:])])),
        write(tmp_path / "v2.json", json.dumps(old)),
    ]
    for source in (*([source] for source in sources), sources):
        table = el.data.read_watttime(*source)
        assert table.site_names == ("CAISO_NORTH",) and table.unit == "t/MWh"
        np.testing.assert_allclose(table.values[:, 0], POUND * (1005.5 + 12 * np.arange(3)))
        assert table.slot_times[0] == np.datetime64("2024-06-01T00")


def test_watttime_offsets_are_honoured(tmp_path):
    points = [(time.replace("+00:00", "-07:00"), value) for time, value in five_minutes(2)]
    table = el.data.read_watttime(watttime_csv(tmp_path / "PACW.csv", points))
    assert table.site_names == ("PACW",)
    assert table.slot_times.astype(str).tolist() == ["2024-06-01T07", "2024-06-01T08"]
    zulu = [(time.replace(":00+00:00", ":00.00Z"), value) for time, value in five_minutes(1)]
    table = el.data.read_watttime(watttime_csv(tmp_path / "PACW.csv", zulu))
    assert table.slot_times.astype(str).tolist() == ["2024-06-01T00"]


def test_an_hour_needs_half_of_its_readings(tmp_path):
    points = five_minutes(3)
    half = [point for n, point in enumerate(points) if not 12 <= n < 18]
    table = el.data.read_watttime(watttime_csv(tmp_path / "PACW.csv", half))
    np.testing.assert_allclose(table.values[1, 0], POUND * np.mean(np.arange(1018, 1024)))
    less = [point for n, point in enumerate(points) if not 12 <= n < 19]
    path = watttime_csv(tmp_path / "PACW.csv", less)
    message = r"PACW: an hour is missing from 2024-06-01 01:00 UTC on, after .*PACW\.csv, row 2"
    with pytest.raises(el.InputError, match=message):
        el.data.read_watttime(path)
    filled = el.data.read_watttime(path, fill=1)
    np.testing.assert_allclose(filled.values[1, 0], POUND * 1017.5)


HOUR = five_minutes(1)
MIDNIGHT = "2024-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (3, 'w.json: no "data" as WattTime writes it'),
        ({"data": [{"point_time": MIDNIGHT}]}, 'w.json, data[0]: no "point_time" and "value"'),
        (answer(HOUR, units="usd"), "w.json, data[0]: the unit is 'usd'; it must be lbs_co2_per"),
        (answer(HOUR, signal_type="health_damage"), "the signal is 'health_damage'; it must be"),
        (answer(HOUR, region=""), 'w.json, data[0]: neither "region" nor "ba" names the region'),
        (answer([("noon", 3.0)]), "w.json, data[0], column 'point_time': 'noon' is no time"),
        (answer([(MIDNIGHT, None)]), "CAISO_NORTH has no hour with a value"),
        (answer([(MIDNIGHT, 1), (MIDNIGHT, 2)]), "w.json, data[1]: CAISO_NORTH has another value"),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(tmp_path, content, message):
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.data.read_watttime(write(tmp_path / "w.json", json.dumps(content)))


def test_broken_json_is_named(tmp_path):
    with pytest.raises(el.InputError, match=r"w\.json, row 1: Expecting property name"):
        el.data.read_watttime(write(tmp_path / "w.json", "{,"))


def test_a_csv_of_another_product_is_named(tmp_path):
    path = write(tmp_path / "SGIP.csv", "timestamp,MOER version 2.0", "2024-06-01T00:00:00,0.4")
    with pytest.raises(
        el.InputError, match='no column "value" or "moer" in timestamp, MOER version'
    ):
        el.data.read_watttime(path)


@pytest.fixture
def frames() -> dict:
    pd = pytest.importorskip("pandas")
    times = pd.date_range("2024-01-01", periods=4, freq="h", tz="Europe/Paris")
    return {
        "demand": pd.DataFrame(np.ones((4, 2)), index=times, columns=["Lyon", "Rome"]),
        "capacity": pd.Series({"DE": 3.0, "FR": 1.0, "ES": 9.0}),
        "price": pd.DataFrame({"FR": [10.0] * 4, "DE": [20.0] * 4}, index=times),
        "footprints": {
            "carbon": pd.DataFrame({"DE": [0.4] * 4, "FR": [0.05] * 4}, index=times[::-1])
        },
    }


def test_frames_are_matched_by_their_labels(frames):
    pd = pytest.importorskip("pandas")
    problem = el.data.from_pandas(
        **frames,
        equity={"carbon": el.Max(50.0)},
        regions={"carbon": pd.Series({"DE": "north", "FR": "south"})},
        history={"carbon": pd.Series({"north": 7.0, "south": 1.0})},
        sensitivity={"carbon": [2.0, 3.0]},
        idle_power=pd.Series({"DE": 0.2, "FR": 0.1}),
        quadratic=0.5,
    )
    assert problem.site_names == ("FR", "DE") and problem.gateway_names == ("Lyon", "Rome")
    assert str(problem.slot_times[0])[:13] == "2023-12-31T23"  # midnight in Paris, in UTC
    assert problem.capacity.tolist() == [1.0, 3.0]
    assert problem.footprints["carbon"][0].tolist() == [0.05, 0.4]
    assert problem.region_names["carbon"] == ("south", "north")
    assert problem.history["carbon"].tolist() == [1.0, 7.0]
    assert problem.sensitivity["carbon"].tolist() == [2.0, 3.0]
    assert problem.idle_power.tolist() == [0.1, 0.2]
    assert el.solve(problem).status == "optimal"


def test_history_by_site_and_by_number(frames):
    pd = pytest.importorskip("pandas")
    by_site = {"carbon": pd.Series({"DE": 2.0, "FR": 1.0})}
    assert el.data.from_pandas(**frames, history=by_site).history["carbon"].tolist() == [1.0, 2.0]
    numbered = el.data.from_pandas(
        **frames, regions={"carbon": [1, 0]}, history={"carbon": pd.Series({1: 5.0, 0: 4.0})}
    )
    assert numbered.history["carbon"].tolist() == [4.0, 5.0]


def test_frames_take_a_table(frames, zones):
    pd = pytest.importorskip("pandas")
    table = el.data.read_electricity_maps(*zones)
    times = pd.date_range("2024-01-01 02:00", periods=2, freq="h")
    short = {
        "demand": pd.DataFrame(np.ones((2, 1)), index=times, columns=["Lyon"]),
        "price": pd.DataFrame({"FR": [10.0] * 2, "DE": [20.0] * 2}, index=times),
        "capacity": 9.0,
        "footprints": {"carbon": table},
    }
    problem = el.data.from_pandas(**short)
    np.testing.assert_allclose(problem.footprints["carbon"], [[0.06, 0.42], [0.07, 0.43]])
    assert table.to_pandas().loc["2024-01-01 02:00", "FR"] == pytest.approx(0.06)


def drop_site(frames):
    frames["footprints"]["carbon"] = frames["footprints"]["carbon"].drop(columns="FR")


def drop_slot(frames):
    frames["price"] = frames["price"].iloc[1:]


def double_site(frames):
    frames["capacity"].index = ["DE", "FR", "DE"]


def reverse(frames):
    frames["demand"] = frames["demand"].iloc[::-1]


def repeat(frames):
    frames["demand"] = frames["demand"].iloc[[0, 0, 1]]


def leave_out(frames):
    frames["demand"] = frames["demand"].iloc[[0, 1, 3]]


def no_frame(frames):
    frames["demand"] = [[1.0]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_site, "footprints['carbon'] has no site FR"),
        (drop_slot, "price has no slot 2023-12-31T23:00:00"),
        (double_site, "capacity has site DE twice"),
        (reverse, "demand has its slots out of order; demand.sort_index() puts them in order"),
        (repeat, "demand has slot 2023-12-31 23:00:00 twice"),
        (leave_out, "demand has no slot 2024-01-01 01:00:00, between 2024-01-01 00:00:00 and"),
        (no_frame, "demand is a list; it must be a DataFrame"),
    ],
)
def test_what_is_wrong_with_a_frame_is_named(frames, spoil, message):
    spoil(frames)
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.data.from_pandas(**frames)


def test_missing_pandas_is_named(monkeypatch, zones):
    import sys

    table = el.data.read_electricity_maps(*zones)  # takes none
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(el.InputError, match="frames need the package pandas"):
        table.to_pandas()
