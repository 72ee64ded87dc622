"""What people download: read as it is, or refused with the place and the mend in words."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import numpy as np
import pytest

pytest.importorskip("pandas", reason="the tables are those of pandas")

import pandas as pd
from grid_files import (
    EM_HEADER,
    demand,
    electricity_maps,
    entsoe_client,
    entsoe_platform,
    hours,
    sites,
    write,
)

import equiload as el


def test_entsoe_client_frames_and_files(tmp_path):
    path = entsoe_client(tmp_path / "prices.csv")
    table = el.data.read_entsoe(path)
    assert table.site_names == ("DE_LU", "FR") and table.unit == "EUR/MWh"
    assert table.slot_times[0] == np.datetime64("2024-01-01T00") and len(table.slot_times) == 24
    np.testing.assert_allclose(table.values[5], [65, 35])
    frame = pd.read_csv(path, index_col=0, parse_dates=True)
    np.testing.assert_allclose(el.data.read_entsoe(frame), table.values)
    series = el.data.read_entsoe(frame["FR"].rename(None), zone="FR")
    assert series.site_names == ("FR",)
    np.testing.assert_allclose(series.values[:, 0], table.values[:, 1])


def test_entsoe_platform_by_the_local_clock(tmp_path):
    """25 hours of the day on which clocks go back: 02:00 comes twice, in their order."""
    local = [*hours(3, "2024-10-27"), *hours(22, "2024-10-27T02:00")]
    path = entsoe_platform(tmp_path / "de.csv", local, list(range(25)))
    table = el.data.read_entsoe(path)
    assert table.site_names == ("DE-LU",) and table.unit == "EUR/MWh"
    assert table.slot_times[0] == np.datetime64("2024-10-26T22")
    np.testing.assert_allclose(table.values[:, 0], np.arange(25))


def test_entsoe_platform_of_today(tmp_path):
    """Quarter hours, areas and sequences, zones of the clock in every stamp."""
    header = (
        '"MTU (CET/CEST)","Area","Sequence","Day-ahead Price (EUR/MWh)",'
        '"Intraday Period (CET/CEST)","Intraday Price (EUR/MWh)"'
    )
    rows = [
        f'"{t:%d/%m/%Y %H:%M:%S} (CET) - x","BZN|{zone}","Sequence 1","{n}","",""'
        for zone in ("DE-LU", "AT")
        for n, t in enumerate(hours(8, "2026-01-01", minutes=15))
    ]
    path = write(tmp_path / "prices.csv", header, *rows)
    table = el.data.read_entsoe(path)
    assert table.site_names == ("DE-LU", "AT") and len(table.slot_times) == 8
    assert table.slot_times[0] == np.datetime64("2025-12-31T23:00")
    hourly = el.data.read_entsoe(path, step="1h")
    np.testing.assert_allclose(hourly.values, [[1.5, 1.5], [5.5, 5.5]])
    np.testing.assert_allclose(table.resample("1h"), hourly.values)


def test_eia_rows_files_and_answers(tmp_path):
    rows = [
        {
            "period": f"2024-01-01T{hour:02}",
            "respondent": name,
            "type": kind,
            "value": str(100 * hour + n),
            "value-units": "megawatthours",
        }
        for n, name in enumerate(("ERCO", "PJM"))
        for kind in ("D", "DF")
        for hour in range(5)
    ]
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "eia.csv", index=False)
    (tmp_path / "eia.json").write_text(json.dumps({"response": {"data": rows}}))
    for source in (frame, tmp_path / "eia.csv", tmp_path / "eia.json"):
        table = el.data.read_eia(source, type="D")
        assert table.site_names == ("ERCO", "PJM") and table.total
        np.testing.assert_allclose(table.values[:, 1], 100 * np.arange(5) + 1)
        np.testing.assert_allclose(table.to("MWh"), table.values)
        with pytest.raises(el.InputError, match='of types D, DF; type="D" reads one'):
            el.data.read_eia(source)
    retail = pd.DataFrame(
        {"period": ["2024-01-01T00"], "stateid": ["TX"], "price": [8.5]}
        | {"price-units": ["cents per kilowatt-hour"]}
    )
    np.testing.assert_allclose(el.data.read_eia(retail).to("USD/MWh"), [[85.0]])


def test_gridstatus_prices_and_load():
    start = pd.date_range("2024-06-01", periods=24, freq="5min", tz="US/Central")
    end = start + pd.Timedelta("5min")
    frames = [
        pd.DataFrame(
            {"Time": start, "Interval Start": start, "Interval End": end, "Market": "REAL_TIME"}
            | {"Location": name, "LMP": 20.0 + n + np.arange(24)}
        )
        for n, name in enumerate(("HB_WEST", "HB_NORTH"))
    ]
    table = el.data.read_gridstatus(pd.concat(frames))
    assert table.site_names == ("HB_WEST", "HB_NORTH") and table.unit == "USD/MWh"
    assert table.slot_times[0] == np.datetime64("2024-06-01T05")
    np.testing.assert_allclose(table.values, [[25.5, 26.5], [37.5, 38.5]])
    load = pd.DataFrame({"Interval Start": start, "Load": 12.0})
    table = el.data.read_gridstatus(load, step=None).to("MWh")
    assert table.total and table.unit == "MWh"
    np.testing.assert_allclose(table.values, 1.0)


def test_weather_becomes_water(tmp_path):
    # Stull's own example: 20 degrees and 50 percent are 13.7 degrees.
    assert el.data.wet_bulb(20.0, 50.0) == pytest.approx(13.7, abs=0.01)
    open_meteo = write(
        tmp_path / "phoenix.csv",
        "latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation",
        "33.4,-112.0,331.0,0,GMT,GMT",
        "",
        "time,temperature_2m (°C),relative_humidity_2m (%)",
        *(f"{t:%Y-%m-%dT%H:%M},{30 + t.hour % 5},20" for t in hours(6)),
    )
    table = el.data.read_weather(open_meteo, timezone="UTC")
    assert table.site_names == ("phoenix",) and table.unit == "degC"
    np.testing.assert_allclose(table.values[0], el.data.wet_bulb(30.0, 20.0))
    water = el.data.water_use(table, cycles=5.0)
    f = table.values * 1.8 + 32
    formula = 1.25 * (6e-5 * f**3 - 0.01 * f**2 + 0.61 * f - 10.40)
    np.testing.assert_allclose(water.values, formula)
    assert water.unit == "m3/MWh" and (water.values > 0).all()
    assert el.data.water_use([-20.0])[0] == 0.0
    kelvin = write(tmp_path / "k.csv", "time,temp,rhum", "2024-01-01T00:00Z,293.1,50")
    with pytest.raises(el.InputError, match=r"row 2, column 'temp'.*within -20 to 50"):
        el.data.read_weather(kelvin)


@pytest.mark.parametrize(
    ("unit", "to", "factor"),
    [
        ("EUR/MWh", "USD/MWh", 1.1),
        ("€/kWh", "USD/MWh", 1100.0),
        ("cents per kilowatt-hour", "USD/MWh", 10.0),
        ("$/MWh", "USD/MWh", 1.0),
        ("gCO₂eq/kWh", "t/MWh", 1e-3),
        ("kg/MWh", "t/MWh", 1e-3),
        ("lbs/MWh", "t/MWh", 0.45359237e-3),
        ("L/kWh", "m3/MWh", 1.0),
        ("kWh", "MWh", 1e-3),
        ("MW", "MWh", 0.25),
        ("kW", "MWh", 0.25e-3),
    ],
)
def test_units(unit, to, factor):
    times = np.arange("2024-01-01T00:00", "2024-01-01T01:00", 15, dtype="M8[m]")
    table = el.data.TimeTable(np.full((4, 1), 2.0), ("A",), times, unit)
    np.testing.assert_allclose(table.to(to, {"EUR": 1.1}).values, 2.0 * factor, rtol=1e-12)


@pytest.mark.parametrize(
    ("unit", "to", "message"),
    [
        ("GBP/MWh", "USD/MWh", 'GBP has no rate to USD; rates={"GBP": 1.1} says'),
        ("t/MWh", "USD/MWh", "'t/MWh' cannot be turned into USD/MWh"),
        ("flops", "MWh", "unit 'flops' is unknown"),
    ],
)
def test_units_that_do_not_fit(unit, to, message):
    table = el.data.TimeTable(np.ones((1, 1)), ("A",), np.array(["2024-01-01"], "M8[h]"), unit)
    with pytest.raises(el.InputError, match=re.escape(message)):
        table.to(to, {"EUR": 1.1})


def test_resampling_says_what_it_does(tmp_path):
    table = el.data.read(demand(tmp_path / "demand.csv", 8), "demand")
    assert table.unit == "MW" and not table.total
    np.testing.assert_allclose(table.values[:4, 0], [4.5, 5.5, 6.5, 7.5])
    energy = table.to("MWh")
    np.testing.assert_allclose(energy.resample("1h"), [[6.0, 2.5], [6.0, 2.5]])
    np.testing.assert_allclose(table.resample("1h").to("MWh"), [[6.0, 2.5], [6.0, 2.5]])
    np.testing.assert_allclose(energy.resample("1h").resample("30min").values[0], [3.0, 1.25])
    np.testing.assert_allclose(table.resample("5min").values[:4, 0], [4.5, 4.5, 4.5, 5.5])
    with pytest.raises(el.InputError, match="slots of 15 minutes do not fit into slots of 20min"):
        table.resample("20min")
    with pytest.raises(el.InputError, match="covers no whole slot of 1d"):
        table.resample("1d")
    renamed = table.rename({"Berlin": "BER"})
    assert renamed.site_names == ("BER", "Paris")


def stamps(count: int, start: str = "2024-01-01", form: str = "%Y-%m-%dT%H:%MZ", minutes: int = 60):
    return [f"{time:{form}}" for time in hours(count, start, minutes)]


def rows(times, value="50"):
    return [f"{time},{value}" for time in times]


def em(value="100", time="2024-01-01 00:00:00", zone="DE"):
    return f"{time},Land,Land,{zone},{value},140,50,40,grid.example,false,"


def entsoe(time, value="50"):
    return f'"{time} - x","{value}","EUR",""'


MTU = '"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]","Currency","BZN|DE-LU"'
DAY = stamps(6)
TABLE = ("time,Berlin [MW]",)
# What is wrong, the reader, the lines of the file, and what the refusal must say.
MALFORMED = [
    ("an hour is missing", "demand", [*TABLE, *rows(DAY[:2]), *rows(DAY[3:])],
     "Berlin: an hour is missing from 2024-01-01 02:00 UTC on, after f.csv, row 3; fill=1"),
    ("hours are missing", "demand", [*TABLE, *rows(DAY[:2]), *rows(DAY[4:])],
     "Berlin: 2 hours are missing from 2024-01-01 02:00 UTC on"),
    ("a cell is empty", "demand", [*TABLE, *rows(DAY[:2]), f"{DAY[2]},", *rows(DAY[3:])],
     "f.csv, row 4: the value is empty; Berlin: an hour is missing from 2024-01-01 02:00"),
    ("a stamp occurs twice", "demand", [*TABLE, *rows(DAY), f"{DAY[1]},51"],
     "f.csv, row 8: Berlin has another value for 2024-01-01 01:00 UTC in f.csv, row 3"),
    ("no unit", "demand", ["time,Berlin", *rows(DAY)],
     "f.csv: the unit of demand is not said; write it into the head of the columns"),
    ("another unit", "price", ["time,DE [MW]", *rows(DAY)],
     "price: unit 'MW' cannot be turned into USD/MWh"),
    ("a currency without a rate", "price", ["time,DE [GBP/MWh]", *rows(DAY)],
     "price: unit 'GBP/MWh': GBP has no rate to USD"),
    ("two units", "price", ["time,DE [EUR/MWh],FR [EUR/kWh]", *(f"{t},1,2" for t in DAY)],
     "the unit of price is not said"),
    ("an unknown unit", "price", ["time,DE [USD/quux]", *rows(DAY)],
     "unit 'USD/quux' is unknown"),
    ("local time without zone", "demand", [*TABLE, *rows(stamps(6, form="%Y-%m-%d %H:%M"))],
     "row 2, column 'time': '2024-01-01 00:00' does not say its time zone; add the offset"),
    ("an American date", "demand", [*TABLE, "01/02/2024 00:00,5"],
     "'01/02/2024 00:00' is no time; write dates as 2024-01-31"),
    ("a number of seconds", "demand", [*TABLE, "1704067200,5"],
     "row 2, column 'time': '1704067200' is no time such as 2024-01-31"),
    ("the 30th of February", "demand", [*TABLE, "2024-02-30T00:00Z,5"],
     "'2024-02-30T00:00Z' is no time"),
    ("an hour that clocks skip", "price", [MTU, entsoe("31.03.2024 02:00")],
     "'31.03.2024 02:00' does not exist: clocks in Europe/Brussels went forward over it"),
    ("one hour where clocks give two", "price",
     [MTU, *(entsoe(f"27.10.2024 0{h}:00", h) for h in range(5))],
     "an hour is missing from 2024-10-27 01:00 UTC on, after f.csv, row 4; fill=1 fills it by a "
     "straight line (clocks changed then: two hours of that day have one name in local time)"),
    ("text in numbers", "demand", [*TABLE, *rows(DAY[:2]), f"{DAY[2]},many"],
     "f.csv, row 4, column 'Berlin [MW]': 'many' is no number"),
    ("a unit in numbers", "demand", [*TABLE, f"{DAY[0]},5 MW"],
     "row 2, column 'Berlin [MW]': '5 MW' is no number"),
    ("separators of thousands", "demand", [*TABLE, f'{DAY[0]},"1,234.5"'],
     "'1,234.5' is no number; write it without separators of thousands"),
    ("a decimal comma between commas", "demand", [*TABLE, f'{DAY[0]},"4,5"'],
     "'4,5' is no number; decimal commas are read where ; or tabs separate"),
    ("German thousands", "demand", ["time;Berlin [MW]", f"{DAY[0]};1.234,5"],
     "'1.234,5' is no number; write it without separators of thousands"),
    ("infinity", "demand", [*TABLE, f"{DAY[0]},inf"], "'inf' is no number"),
    ("a row that is too short", "demand", ["time,A [MW],B [MW]", f"{DAY[0]},5"],
     "f.csv, row 2: 2 cells; the header has 3"),
    ("two columns of one name", "demand", ["time,A [MW],A [MW]", f"{DAY[0]},5,6"],
     "f.csv: two columns are named 'A'"),
    ("no column but the time", "price", ["time", *DAY],
     "the unit of price is not said"),
    ("an empty file", "demand", [""], "f.csv: the unit of demand is not said"),
    ("quarter hours among hours", "demand", [*TABLE, *rows(DAY), "2024-01-01T02:15Z,5"],
     "f.csv, row 8: Berlin has a value at 2024-01-01 02:15 UTC between its steps of 60 minutes; "
     'step="1h" reads the mean of each hour'),
    ("quarter hours of Electricity Maps", "carbon",
     [EM_HEADER, em(), em(time="2024-01-01 00:15:00")], "2024-01-01 00:15:00 is no full hour"),
    ("a missing zone", "carbon", [EM_HEADER, em(zone="")],
     "row 2, column 'Zone id': the zone is missing"),
    ("a negative intensity", "carbon", [EM_HEADER, em("-1")], "'-1' is no number of at least 0"),
    ("shuffled columns without the zone", "carbon",
     ["Carbon intensity gCO₂eq/kWh (direct),Datetime (UTC)", "100,2024-01-01 00:00:00"],
     'f.csv: no column "zone id" in Carbon intensity'),
    ("columns shuffled against the header", "demand", [*TABLE, f"50,{DAY[0]}"],
     "row 2, column 'time': '50' is no time"),
    ("places without time in common", "carbon",
     [EM_HEADER, em(), em(time="2024-02-01 00:00:00", zone="FR")],
     "DE ends at 2024-01-01 00:00 UTC, before FR begins at 2024-02-01 00:00 UTC"),
    ("two currencies", "price", [MTU, entsoe("01.01.2024 00:00"),
     '"01.01.2024 01:00 - x","5","GBP",""'], "prices are in EUR/MWh and GBP/MWh; read them one"),
]  # fmt: skip


def test_there_are_thirty_malformed_cases():
    assert len({what for what, *_ in MALFORMED}) >= 30


@pytest.mark.parametrize(
    ("field", "lines", "message"),
    [case[1:] for case in MALFORMED],
    ids=[case[0].replace(" ", "-") for case in MALFORMED],
)
def test_malformed_files_are_refused_with_the_place_and_the_mend(
    tmp_path, monkeypatch, field, lines, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(el.InputError) as refused:
        table = el.data.read("f.csv", field)
        el.data.align(
            demand=table if field == "demand" else one_hour("MWh"),
            price=table if field == "price" else one_hour("USD/MWh"),
            footprints={field: table} if field == "carbon" else None,
            capacity=9.0,
        )
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def one_hour(unit):
    return el.data.TimeTable(np.ones((1, 1)), ("A",), np.array(["2024-01-01"], "M8[h]"), unit)


def test_shuffled_columns_are_found_by_name(tmp_path):
    straight = electricity_maps(tmp_path / "a.csv", 3)
    frame = pd.read_csv(straight)
    frame[frame.columns[::-1]].to_csv(tmp_path / "b.csv", index=False)
    one, other = map(el.data.read_electricity_maps, (straight, tmp_path / "b.csv"))
    np.testing.assert_array_equal(one, other)


def test_sites_and_cloud_regions(tmp_path):
    table = el.data.read_sites(sites(tmp_path / "sites.csv"))
    assert table.names == ("Frankfurt", "Berlin", "Paris") and table.capacity_unit == "MW"
    assert [cell.text for cell in table.zones["price"]] == ["DE_LU", "DE_LU", "FR"]
    cloud = pd.DataFrame(
        {"Google Cloud Region": ["europe-west1"], "Location": ["Belgium"]}
        | {"Grid carbon intensity (gCO2eq / kWh)": [122]}
    )
    assert el.data.read_sites(cloud).names == ("europe-west1",)
    for lines, message in [
        (["site,lat", "A,95"], "row 2, column 'lat': 95 is above 90"),
        (["site,lat", "A,"], "row 2, column 'lat': the number is missing"),
        (["site", "A", "A"], "row 3, column 'site': 'A' occurs twice"),
        (["place", "A"], 'no column "site" or "name"'),
        (["site"], "no rows"),
    ]:
        with pytest.raises(el.InputError, match=re.escape(message)):
            el.data.read_sites(write(tmp_path / "bad.csv", *lines))


def test_filled_gaps_are_noted(tmp_path):
    path = write(tmp_path / "f.csv", *TABLE, *rows(DAY[:2]), *rows(DAY[3:], "80"))
    table = el.data.read(path, "demand", fill=1)
    assert table.values[2, 0] == 65.0
    assert table.notes == ("Berlin: an hour filled from 2024-01-01 02:00 UTC on",)


def test_times_with_offsets_of_any_spelling(tmp_path):
    spellings = ["2024-01-01T02+02:00", "2024-01-01 01:00:00Z", "2023-12-31T20:00:00.000-0600"]
    spellings.append("2024-01-01T03:00 UTC")
    path = write(tmp_path / "f.csv", *TABLE, *rows(spellings))
    assert len(el.data.read(path, "demand").slot_times) == 4
    local = datetime.fromisoformat("2024-01-01T00:00") + timedelta(hours=1)
    other = write(tmp_path / "g.csv", *TABLE, f"{local:%Y-%m-%d %H:%M},5")
    table = el.data.read(other, "demand", timezone="Europe/Berlin")
    assert table.slot_times[0] == np.datetime64("2024-01-01T00")
    with pytest.raises(el.InputError, match="timezone 'Berlin' is unknown"):
        el.data.read(other, "demand", timezone="Berlin")
