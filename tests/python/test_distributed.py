"""Scenarios over a cluster of dask.distributed, on this machine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

import equiload as el

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("default")  # those of the cluster's own machinery


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    """Two workers of one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def scenarios(fleet: Callable[..., el.Problem]) -> list[el.Problem]:
    base = fleet()
    rng = np.random.default_rng(1)
    return [
        base.replace(price=base.price * rng.uniform(0.9, 1.1, base.price.shape)) for _ in range(12)
    ]


def same(one: el.Solution, other: el.Solution) -> bool:
    return (
        one.objective == other.objective
        and one.lower_bound == other.lower_bound
        and np.array_equal(one.allocation, other.allocation)
    )


def test_results_have_the_bits_of_a_batch_in_order(
    client: distributed.Client, scenarios: list[el.Problem]
) -> None:
    found = el.distributed.sweep(scenarios, client=client, tol=1e-5)
    expected = el.solve_batch(scenarios, tol=1e-5)
    assert len(found) == len(scenarios)
    for one, other, problem in zip(found, expected, scenarios, strict=True):
        assert same(one, other)
        assert one.problem is problem
        assert one.threads == 1
    assert list(found)[3] is found[3]  # nothing is solved twice
    assert found[-2:] == [found[10], found[11]]
    assert found._incoming.gi_frame is None  # its tasks are forgotten


def test_what_scenarios_share_is_sent_once(scenarios: list[el.Problem]) -> None:
    common, messages = el.distributed.cluster._packed(scenarios)
    assert {"demand", "capacity", "network", "footprints", "equity"} <= common.keys()
    assert all(message.keys() == {"price"} for message in messages)


def test_recipes_make_their_problem_on_the_worker(client: distributed.Client) -> None:
    recipes = [partial(el.data.world, 12, 6, 24, seed) for seed in range(4)]
    where = el.distributed.sweep(
        recipes, client=client, returns=lambda s: (os.getpid(), s.objective)
    )
    assert all(pid != os.getpid() for pid, _ in where)
    assert [value for _, value in where] == [el.solve(make()).objective for make in recipes]
    whole = el.distributed.sweep(recipes[:1], client=client)[0]
    assert whole.problem == recipes[0]()


def test_summaries_are_small_and_make_one_dataset(
    client: distributed.Client, scenarios: list[el.Problem]
) -> None:
    pytest.importorskip("xarray")
    found = el.distributed.sweep(scenarios, client=client, returns="summaries")
    numbers = dict(found.as_completed())
    assert sorted(numbers) == list(range(len(scenarios)))
    dataset = found.to_xarray()
    expected = el.solve_batch(scenarios)
    assert dataset.objective.values.tolist() == [s.objective for s in expected]
    assert dataset.carbon_total.shape == (12, scenarios[0].sites)
    np.testing.assert_array_equal(dataset.water_price[5], expected[5].prices.equity["water"])
    total = dataset.breakdown.sum("part")
    np.testing.assert_allclose(total, dataset.objective, rtol=1e-12)


def test_a_bad_scenario_is_named_and_not_tried_again(
    client: distributed.Client, scenarios: list[el.Problem]
) -> None:
    bad = partial(scenarios[0].replace, price=-scenarios[0].price * np.nan)
    with pytest.raises(el.InputError, match=r"problems\[1\]: price"):
        list(el.distributed.sweep([scenarios[0], bad], client=client))


def slow(problem: el.Problem, log: str) -> el.Problem:
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.15)
    return problem


def test_a_killed_worker_loses_nothing(
    client: distributed.Client, scenarios: list[el.Problem], tmp_path: os.PathLike[str]
) -> None:
    log = f"{tmp_path}/made"
    recipes = [partial(slow, problem, log) for problem in scenarios * 2]
    found = el.distributed.sweep(recipes, client=client, tol=1e-5)
    coming = found.as_completed()
    seen = [next(coming)[0]]
    with open(log) as file:
        victim = int(file.readline())
    os.kill(victim, signal.SIGKILL)
    seen += [k for k, _ in coming]
    assert sorted(seen) == list(range(24))  # nothing lost, nothing twice
    expected = el.solve_batch(scenarios, tol=1e-5)
    assert all(same(one, other) for one, other in zip(found, expected * 2, strict=True))


def no_client() -> None:
    raise ValueError("no clients found")


def test_misuse_is_told_before_anything_is_sent(
    scenarios: list[el.Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "get_client", no_client)
    with pytest.raises(el.InputError, match=r"no distributed\.Client is in use"):
        el.distributed.sweep(scenarios)
    with pytest.raises(el.InputError, match=r"problems\[1\] is a int"):
        el.distributed.sweep([scenarios[0], 7])  # type: ignore[list-item]
    with pytest.raises(el.InputError, match="returns is 'all'"):
        el.distributed.sweep(scenarios, returns="all")
    with pytest.raises(el.InputError, match="tol is 2"):
        el.distributed.sweep(scenarios, tol=2)
    with pytest.raises(el.InputError, match="client is a int"):
        el.distributed.sweep(scenarios, client=3)
