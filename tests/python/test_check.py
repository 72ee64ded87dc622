from __future__ import annotations

import numpy as np

import equiload as el


def messages(report, level: str) -> str:
    return "\n".join(str(finding) for finding in report if finding.level == level)


def test_a_sound_problem_has_no_errors(problem):
    report = el.check(problem)
    assert report.ok and not report.warnings
    assert "used on average" in messages(report, "info")
    assert str(report).count("\n") == len(report) - 1


def test_too_much_demand_names_the_slot(arguments):
    arguments["demand"][2] = 10.0
    report = el.check(el.Problem(**arguments))
    assert not report.ok
    assert "slot 2: all work needs at least 20 MWh, but the sites hold 15 MWh" in str(report)
    assert report.errors == tuple(report)[: len(report.errors)]


def test_too_much_demand_names_the_gateway(arguments):
    arguments["demand"][1, 1] = 8.0
    network = el.Network.from_mask([[1, 1, 1], [0, 1, 0]])
    problem = el.Problem(**arguments, network=network, gateway_names=["web", "batch"])
    text = messages(el.check(problem), "error")
    assert "slot 1: gateway 1 (batch) needs at least 8 MWh, but its sites hold 5 MWh" in text


def test_infeasibility_that_no_single_sum_shows(arguments):
    # Two gateways share one small site; the third site is large, but only one gateway reaches it.
    arguments["demand"] = np.array([[1.0, 4.0, 4.0]])
    arguments |= {"price": np.ones((1, 3)), "footprints": {"carbon": np.ones((1, 3))}}
    network = el.Network.from_mask([[1, 0, 1], [1, 1, 0], [1, 1, 0]])
    problem = el.Problem(**arguments | {"capacity": [3.0, 3.0, 50.0]}, network=network)
    report = el.check(problem)
    assert not report.ok
    assert "slot 0" in messages(report, "error")


def test_shedding_makes_overload_an_answer(arguments):
    arguments["demand"][2] = 100.0
    assert el.check(el.Problem(**arguments, shed_cost=500.0)).ok


def test_delays_past_the_horizon_are_named(arguments):
    network = el.Network.from_arcs([0, 1, 1], [0, 1, 2], delay=[0, 2, 3], gateways=2, sites=3)
    problem = el.Problem(**arguments, network=network)
    report = el.check(problem)
    assert "every arc of gateway 1 in slots 2 and 3 ends past the horizon" in str(report)
    reason = str(el.solve(problem).infeasibility)
    assert reason == "slot 2: no arc serves the work of gateway 1 within the horizon"


def test_work_that_can_wait_is_no_error(arguments):
    arguments["demand"] = np.array([[12.0, 8.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    network = el.Network.complete(2, 3).with_delays(1)
    assert el.check(el.Problem(**arguments, network=network)).ok


def test_idle_parts_are_mentioned(arguments):
    arguments["demand"][:, 1] = 0.0
    network = el.Network.from_mask([[1, 1, 0], [1, 0, 0]])
    text = messages(el.check(el.Problem(**arguments, network=network)), "info")
    assert "no arc leads to site 2 (Texas)" in text
    assert "gateway 1 never has any work" in text


def test_suspicious_units_are_warned_about(arguments):
    arguments["price"][3, 2] = 4e6
    arguments["footprints"] = {"carbon": np.full((4, 3), 400.0), "air": np.ones((4, 3))}
    report = el.check(el.Problem(**arguments))
    text = messages(report, "warning")
    assert report.ok
    assert "[slot 3, site 2 (Texas)] has size 4e+06, 100000 times the median" in text
    assert "in t/MWh that is large: is it in kg/MWh?" in text
    assert "footprints['air']: reported, but no equity term prices it" in messages(report, "info")


def test_kwh_beside_mwh_are_warned_about(arguments):
    """Whichever of the two is in kWh, and footprints per kWh or per kilogram."""
    for field in ("demand", "capacity"):
        changed = arguments | {field: 1000.0 * np.asarray(arguments[field])}
        warned = messages(el.check(el.Problem(**changed)), "warning")
        assert f"warning: {field}:" in warned
        assert "is one of them in kWh, the other in MWh?" in warned
    per_kwh, other = (
        {"carbon": "t/kWh", "water": "m3/kWh"},
        {"carbon": "kg/MWh", "water": "l/MWh"},
    )
    for name, usual in (("carbon", 0.4), ("water", 1.8)):
        usually = np.full(np.shape(arguments["price"]), usual)
        for factor, unit in ((1.0, None), (1e-3, per_kwh[name]), (1e3, other[name])):
            given = {"footprints": {name: factor * usually}, "equity": {name: el.Max(9.0)}}
            warned = messages(el.check(el.Problem(**arguments | given)), "warning")
            assert not warned if unit is None else f"is it in {unit}?" in warned


def test_prices_per_kwh_and_in_cents_are_warned_about(arguments):
    price = np.asarray(arguments["price"], dtype=float)
    usual = np.full_like(price, 40.0)
    assert not [
        f for f in el.check(el.Problem(**arguments | {"price": usual})) if f.field == "price"
    ]
    for factor, words in ((1e-3, "is it in USD/kWh?"), (100.0, "is it in cents?")):
        report = el.check(el.Problem(**arguments | {"price": usual * factor}))
        (found,) = (f for f in report.warnings if f.field == "price")
        assert words in found.message
