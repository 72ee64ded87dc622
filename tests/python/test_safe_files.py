"""Nothing is lost when a save ends early, and nothing is believed because a file says so."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from conftest import make_fleet

import equiload as el
from equiload.data import load, save, world

FORMATS = ["folder", "nc", "npz"]


def need(format_: str) -> None:
    if format_ == "nc":
        pytest.importorskip("h5netcdf", reason="NetCDF files need h5netcdf")


# ---------------------------------------------------------------------------- saves

# Saves an old content, then a new one in forks that end early, and says after each what is there.
ENDING_EARLY = textwrap.dedent(
    """
    import os, resource, signal, sys
    from pathlib import Path
    import numpy as np
    import equiload as el
    import equiload.data
    if sys.argv[1] == "nc":
        import xarray

    form, how, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    path = folder / "kept" if form == "folder" else folder / f"kept.{form}"

    def content(hours):
        burden = {"carbon" if hours == 3 else "air": np.full((hours, 2), 0.5)}
        equity = {name: el.Max(1.0) for name in burden}
        problem = el.Problem(np.ones((hours, 1)), 5.0, [[1.0, 2.0]] * hours, burden, equity)
        return el.solve(problem) if form == "npz" else problem

    def save(what):
        what.save(path) if form == "npz" else el.data.save(what, path)

    def there():
        if form == "nc":  # in this process: another for every look takes long
            what = el.data.from_xarray(xarray.load_dataset(path))
        else:
            what = el.Solution.load(path).problem if form == "npz" else el.data.load(path)
        assert what in (old_problem, new_problem), "neither the old nor the new content"
        return "old" if what == old_problem else "new"

    def limited(place, kill):
        # A file that grows beyond the limit: an error as on a full disk, or the end of the process.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (place, place))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            save(new)
        except el.InputError as error:
            assert "\\n" not in str(error) and "File too large" in str(error), error
            sys.exit(3)

    def ending(place):
        # The end of the process before it opens, renames or removes a file for the nth time.
        count = 0
        def hook(event, arguments):
            nonlocal count
            if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"):
                count += 1
                if count == place:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        save(new)

    old, new = content(3), content(4)
    old_problem, new_problem = (getattr(what, "problem", what) for what in (old, new))
    save(new), save(old)  # imports what it takes
    places = range(1, 40) if how == "ending" else [0, 40, 1000, 2500, 6000, 1 << 30]
    found = []
    for place in places:
        save(old)
        child = os.fork()
        if child == 0:
            ending(place) if how == "ending" else limited(place, how == "killed")
            sys.exit(0)
        status = os.waitpid(child, 0)[1]
        assert there() == "new" if status == 0 else status != 1 << 8, (place, status)
        assert how != "full" or status == 0 or (os.WEXITSTATUS(status) == 3 and there() == "old")
        found.append(there())
        save(new)
        assert there() == "new", "a save after one that ended early"
        if status == 0:
            break
    print(*found)
    """
)


@pytest.mark.parametrize("how", ["full", "killed", "ending"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_save_that_ends_early_loses_nothing(tmp_path, format_, how):
    need(format_)
    done = subprocess.run(
        [sys.executable, "-c", ENDING_EARLY, format_, how, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr and "ignored" not in done.stderr, done.stderr
    found = done.stdout.splitlines()[-1].split()
    assert found[0] == "old" and found[-1] == "new"
    hidden = [name for _, _, names in os.walk(tmp_path) for name in names if name[0] == "."]
    assert how != "full" or not hidden


def test_a_save_keeps_links_modes_and_other_files(tmp_path):
    (tmp_path / "real.npz").write_bytes(b"old")
    (tmp_path / "real.npz").chmod(0o640)
    (tmp_path / "link.npz").symlink_to("real.npz")
    el.solve(make_fleet(4)).save(tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "real.npz").stat().st_mode & 0o777 == 0o640
    assert el.Solution.load(tmp_path / "real.npz").status == "optimal"

    problem = world(3, 2, 4)
    save(problem.replace(quadratic=np.ones((4, 3))), tmp_path)
    (tmp_path / "notes.csv").write_text("mine")
    save(problem, tmp_path)
    assert (tmp_path / "notes.csv").read_text() == "mine"
    assert not (tmp_path / "quadratic.csv").exists()
    assert load(tmp_path) == problem


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(el.InputError, match=r"pipe\.npz: not a regular file"):
        el.solve(make_fleet(2)).save(tmp_path / "pipe.npz")


# ---------------------------------------------------------------------------- loads


@pytest.fixture
def folder(tmp_path):
    save(world(4, 3, 5), tmp_path / "scenario")
    return tmp_path / "scenario"


def change_header(folder, **changes):
    file = folder / "scenario.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_tables_outside_the_folder_are_not_read(folder):
    (folder.parent / "secret.csv").write_text("secret,a\n0,42\n")
    tables = json.loads((folder / "scenario.json").read_text())["tables"]
    for name in ("../secret", "footprint_../../secret"):
        change_header(folder, tables=tables | {name: ["slot", "site"]})
        with pytest.raises(el.InputError, match=r'"tables" has ".*secret", which this format'):
            load(folder)
    names = ["carbon", "water", "../../secret"]
    change_header(folder, footprints=names, tables=tables | {f"footprint_{names[2]}": []})
    with pytest.raises(el.InputError, match='"footprints" names'):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eqity": {}}, '"eqity", which this format does not know, did you mean "equity"'),
        ({"equity": {"carbon": {"function": "Max", "weight": 1, "wait": 2}}}, "wait"),
        ({"equity": {"carbon": 3}}, '"equity" must be a mapping'),
        ({"equity": {"carbon": {"function": ["Max"], "weight": 1}}}, "no function"),
        ({"shed_cost": "free"}, '"shed_cost" must be a number'),
        ({"shed_cost": True}, '"shed_cost" must be a number'),
        ({"footprints": ["carbon", "water", ["air"]]}, '"footprints" must be a list'),
        ({"footprints": ["carbon", "water", "water"]}, "every name once"),
        ({"labels": {"arc": "text"}}, '"labels" has "arc"'),
        ({"labels": {"site": 3}}, '"labels" must be a mapping'),
        ({"labels": {"slot": "datetime64[9999999999999D]"}}, "slot_times cannot be"),
        ({"models": [{"name": "large"}]}, "go together"),
        ({"models": ["large"]}, '"models" must be a list'),
        ({"text": ["price"]}, "no table of text"),
        ({"text": [["price"]]}, '"text" must be a list'),
        ({"units": 3}, '"units" must be a mapping'),
    ],
)
def test_a_header_is_read_to_the_last_entry(folder, changes, message):
    change_header(folder, **changes)
    with pytest.raises(el.InputError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"format": "equiload scenario 1", "format": 2}', '"format" occurs twice'),
        (b"[" * 100_000, "recursion"),
        (b'{"format": ' + b"9" * 5000 + b"}", '"format" must be'),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"3", '"format" must be'),
        (b"\x00", "line 1"),
    ],
)
def test_json_that_is_hard_to_read(folder, content, message):
    (folder / "scenario.json").write_bytes(content)
    with pytest.raises(el.InputError, match=message):
        load(folder)


@pytest.mark.parametrize("name", ["quadratic", "idle_power", "footprint_air", "regions_carbon"])
def test_a_table_that_is_not_listed(folder, name):
    (folder / f"{name}.csv").write_bytes((folder / "price.csv").read_bytes())
    with pytest.raises(el.InputError, match=rf'{name}\.csv: "tables" of scenario\.json lists noth'):
        load(folder)


def test_a_column_that_is_not_listed(folder):
    file = folder / "sites.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0] + ",quadratic", *(f"{line},1.0" for line in lines[1:])]))
    with pytest.raises(el.InputError, match=r'sites\.csv: column "quadratic" is no table'):
        load(folder)


def test_rows_of_regions_in_another_order(tmp_path):
    problem = world(3, 2, 4).replace(
        regions={"carbon": ["north", "south", "north"]}, history={"carbon": [1.0, 2.0]}
    )
    save(problem, tmp_path)
    file = tmp_path / "regions_carbon.csv"
    head, north, south = file.read_text().splitlines()
    file.write_text("\n".join([head, south, north]))
    with pytest.raises(el.InputError, match="the regions are north, south, in order"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("cell", "message"), [("1_5", "'1_5' is not a number"), ('"1', "unexpected end of data")]
)
def test_a_cell_that_python_might_read(folder, cell, message):
    file = folder / "price.csv"
    lines = file.read_text().splitlines()
    lines[-1] = lines[-1].rpartition(",")[0] + "," + cell
    file.write_text("\n".join(lines))
    with pytest.raises(el.InputError, match=message):
        load(folder)


@pytest.mark.timeout(30)
def test_pipes_do_not_block(folder, tmp_path):
    for name in ("a.npz", "a.nc"):
        os.mkfifo(tmp_path / name)
        reader = el.Solution.load if name == "a.npz" else load
        with pytest.raises(el.InputError, match="not a regular file"):
            reader(tmp_path / name)
    for name in ("scenario.json", "price.csv"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(el.InputError, match="not a regular file"):
            load(folder)
        (folder / name).unlink()
        save(world(4, 3, 5), folder)


# ---------------------------------------------------------------------------- answers


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> dict[str, np.ndarray]:
    """What is in the archive of an answer."""
    path = tmp_path_factory.mktemp("answer") / "a.npz"
    el.solve(make_fleet(6).replace(shed_cost=500.0)).save(path)
    with np.load(path) as archive:
        return dict(archive)


def header(**changes):
    """Change entries of the header of the answer; ... removes one."""

    def change(stored):
        old = json.loads(str(stored["solution"])) | changes
        text = json.dumps({name: value for name, value in old.items() if value is not ...})
        return {"solution": np.array(text)}

    return change


def table(name, change):
    return lambda stored: {name: change(stored[name].copy())}


def put(place, value):
    def change(array):
        array[place] = value
        return array

    return change


FORGED = {
    "a plan of the wrong shape": (table("allocation", lambda a: a[1:]), "expected .slots, arcs"),
    "a plan that is nowhere": (table("allocation", lambda a: a * np.nan), "not finite"),
    "a plan of NaN in the wrong shape": (
        lambda stored: {"allocation": np.full((2, 2), np.nan)},
        r'"allocation" has shape \(2, 2\)',
    ),
    "a price of infinity": (table("energy_price", put((0, 0), np.inf)), "not finite"),
    "whole numbers": (table("site_load", lambda a: a.astype(int)), "int64; expected"),
    "text": (table("total_carbon", lambda a: a.astype(str)), "expected"),
    "objects": (table("shed", lambda a: a.astype(object)), '"shed" cannot be read'),
    "no allocation": (lambda stored: {"allocation": None}, 'there is no "allocation"'),
    "no shed work": (lambda stored: {"shed": None}, 'there is no "shed"'),
    "no header": (lambda stored: {"solution": None}, "not a solution"),
    "one table more": (lambda stored: {"quadratic": np.ones(12)}, '"quadratic", which this'),
    "another plan": (table("allocation", lambda a: a[:, ::-1]), "demand is not kept"),
    "work undone": (table("allocation", lambda a: a * 0.5), "demand is not kept"),
    "too much at a site": (table("allocation", put(..., 0.0)), "demand is not kept"),
    "another load": (table("site_load", lambda a: a * 1.001), "site_load is not"),
    "another burden": (table("total_carbon", lambda a: a * 0.9), r"footprints\['carbon'\] is not"),
    "other prices": (table("equity_price_carbon", lambda a: a * 0.5), "the prices bear out"),
    "an unknown status": (header(status="perfect"), '"status" must be one of'),
    "a status that is no text": (header(status=["optimal"]), '"status" must be one of'),
    "a gap of 0": (header(gap=0.0), '"gap" is 0.0'),
    "a better bound": (
        lambda s: header(lower_bound=json.loads(str(s["solution"]))["objective"], gap=0.0)(s),
        "lower_bound is",
    ),
    "a lower cost": (
        lambda s: header(objective=json.loads(str(s["solution"]))["lower_bound"], gap=0.0)(s),
        "objective is",
    ),
    "no cost": (header(objective=0.0, lower_bound=0.0, gap=0.0), "objective is 0"),
    "a cost that is text": (header(objective="0"), '"objective" must be a number'),
    "time before the solve": (header(seconds=-1), '"seconds" must be a time'),
    "half an iteration": (header(iterations=0.5), '"iterations" must be a whole number'),
    "other costs": (header(breakdown={}), '"breakdown" must have'),
    "infeasible without a reason": (header(status="infeasible"), "goes with the status"),
    "another format": (header(format="equiload solution 0"), '"format" must be'),
    "an entry more": (header(verified=True), '"verified", which this format does not know'),
    "an entry less": (header(threads=...), 'no entry "threads"'),
    "a reason that is none": (header(infeasibility=3), '"infeasibility" must be a mapping'),
}


@pytest.mark.parametrize(("change", "message"), FORGED.values(), ids=FORGED)
def test_a_forged_answer_is_refused(stored, tmp_path, change, message):
    forged = stored | change(stored)
    np.savez(tmp_path / "a.npz", **{n: a for n, a in forged.items() if a is not None})
    with pytest.raises(el.InputError, match=message):
        el.Solution.load(tmp_path / "a.npz")


def test_an_infeasibility_without_proof(tmp_path):
    solution = el.solve(el.Problem(np.full((2, 1), 9.0), 1.0, [[1.0, 2.0]] * 2))
    assert solution.status == "infeasible" and solution.verify().lower_bound == np.inf
    solution.save(tmp_path / "a.npz")
    assert el.Solution.load(tmp_path / "a.npz").verify().lower_bound == np.inf
    with np.load(tmp_path / "a.npz") as archive:
        stored = dict(archive)
    stored["infeasibility_price"] *= 0.0
    np.savez(tmp_path / "a.npz", **stored)
    with pytest.raises(el.InputError, match="the prices prove nothing"):
        el.Solution.load(tmp_path / "a.npz")


def test_verify_in_one_call(solution, tmp_path):
    assert solution.verify() == el.certify(solution.problem, solution)
    solution.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        stored = dict(archive)
    stored["allocation"] *= 0.5
    np.savez(tmp_path / "a.npz", **stored)
    unverified = el.Solution.load(tmp_path / "a.npz", verify=False)
    with pytest.raises(el.InputError, match="demand is not kept"):
        unverified.verify()


def test_members_that_inflate_are_refused(stored, tmp_path):
    for extra in ({}, {"unused": np.zeros(1 << 22)}):
        np.savez_compressed(tmp_path / "a.npz", **stored, **extra)
        with pytest.raises(el.InputError, match="compressed"):
            el.Solution.load(tmp_path / "a.npz")


def test_a_netcdf_file_is_read_in_bounded_time(tmp_path, monkeypatch):
    need("nc")
    from equiload.data import netcdf

    save(world(3, 2, 4), tmp_path / "a.nc")
    monkeypatch.setattr(netcdf, "_SECONDS", 1)
    monkeypatch.setattr(
        netcdf, "_READER", netcdf._READER.replace("main(archive)", "while True: pass")
    )
    with pytest.raises(el.InputError, match=r"a\.nc: reading it took more than 2 s"):
        load(tmp_path / "a.nc")


def test_a_forged_netcdf_answer_is_refused(tmp_path):
    need("nc")
    dataset = el.solve(world(3, 2, 4)).to_xarray()
    dataset["allocation"] = dataset["allocation"] * 0.5
    dataset.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(el.InputError, match="demand is not kept"):
        el.Solution.load(tmp_path / "a.nc")
    dataset["mine"] = dataset["price"]
    dataset.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(el.InputError, match='dataset has "mine", which this format does not know'):
        el.Solution.load(tmp_path / "a.nc")
