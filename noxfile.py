"""Development tasks: `nox -l` lists them, `nox -s tests` runs one."""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "cpp"]
nox.options.default_venv_backend = "venv"

ONE_ARCHITECTURE = {"CMAKE_ARGS": "-DEQUILOAD_DEV=ON -DEQUILOAD_CUDA_ARCHITECTURES=90"}


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff and clang-format; `nox -s lint -- --fix` repairs what can be repaired."""
    session.install("--group", "lint")
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    patterns = ["*.cpp", "*.hpp", "*.cu", "*.cuh"]
    listed = session.run("git", "ls-files", *patterns, silent=True, external=True)
    mode = ["-i"] if fix else ["--dry-run", "-Werror"]
    session.run("clang-format", *mode, *str(listed).split())


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on the package."""
    session.install("--group", "lint")
    session.install(".[all,test]", env=ONE_ARCHITECTURE)
    session.run("mypy")


@nox.session(python=["3.10", "3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Pytest on an installed wheel."""
    session.install(".[test]", env=ONE_ARCHITECTURE)
    session.run("pytest", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Pytest with the lowest release of every dependency that pyproject.toml admits."""
    session.install("uv")
    session.run(
        "uv", "pip", "install", "--resolution=lowest-direct", ".[test]", env=ONE_ARCHITECTURE
    )
    session.run("pytest", *session.posargs)


@nox.session
def supply(session: nox.Session) -> None:
    """Known vulnerabilities and the licences of everything that the extras bring."""
    session.install(".[all]", "pip-audit", "pip-licenses", env=ONE_ARCHITECTURE)
    session.run("pip-licenses", "--format=markdown", "--order=license")
    session.run("pip-licenses", "--partial-match", "--fail-on=GNU General Public;Affero")
    session.run("pip-audit", "--skip-editable", *session.posargs)


@nox.session
def cpp(session: nox.Session) -> None:
    """C++ tests; `nox -s cpp -- sanitize` picks another preset of CMakePresets.json."""
    preset = session.posargs[0] if session.posargs else "dev"
    session.install("cmake>=4", "ninja")
    session.run("cmake", "--preset", preset)
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session
def trust(session: nox.Session) -> None:
    """Attack the package for an hour: `nox -s trust -- answers` runs one attack, with more for it.

    The attacks are those of tests/trust: answers, mutants, boundary, soak; each takes --count.
    """
    session.install(".[test]", env=ONE_ARCHITECTURE)
    attacks = (
        [session.posargs[0]] if session.posargs else ["answers", "mutants", "boundary", "soak"]
    )
    for attack in attacks:
        session.run("python", f"tests/trust/{attack}.py", *session.posargs[1:])


@nox.session
def sanitized(session: nox.Session) -> None:
    """Pytest, with its arguments, under the address and undefined-behaviour sanitizers."""
    session.install(".[test]", env=ONE_ARCHITECTURE)
    session.run("bash", ".ci/sanitized", *session.posargs, external=True)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz the readers with atheris; `-- -max_total_time=600` and other options of libFuzzer."""
    session.install(".[test]", "atheris", env=ONE_ARCHITECTURE)
    session.run("python", "tests/trust/fuzz.py", *(session.posargs or ["-max_total_time=600"]))


@nox.session
def stubs(session: nox.Session) -> None:
    """Write python/equiload/_core.pyi from the compiled module."""
    session.install("pybind11-stubgen")
    session.install(".", env=ONE_ARCHITECTURE)
    session.run("pybind11-stubgen", "equiload._core", "-o", "python", "--exit-code")


@nox.session
def bench(session: nox.Session) -> None:
    """One quick pass of the asv suite; `-- peers ARGUMENTS` compares with other solvers instead."""
    session.install(".[bench]", env=ONE_ARCHITECTURE)
    if session.posargs[:1] == ["peers"]:
        session.run("python", "-m", "benchmarks.peers", *session.posargs[1:])
        return
    # An installed package tells asv no commit, and without one nothing is kept.
    commit = str(session.run("git", "rev-parse", "HEAD", silent=True, external=True)).strip()
    session.chdir("benchmarks")
    session.run("asv", "machine", "--yes")
    kept = ["--python=same", f"--set-commit-hash={commit}"]
    session.run("asv", "run", "--quick", *kept, *session.posargs)


@nox.session
def gate(session: nox.Session) -> None:
    """Instructions, memory, iterations and gaps against another commit: `nox -s gate -- main`."""
    base = session.posargs[0] if session.posargs else "main"
    here, there = Path.cwd(), Path(session.create_tmp()) / "base"
    measured = [there.parent / f"{name}.json" for name in ("base", "head")]
    session.run("git", "worktree", "add", "--force", "--detach", str(there), base, external=True)
    try:
        for source, out in zip((there, here), measured, strict=True):
            session.install("--force-reinstall", str(source), env=ONE_ARCHITECTURE)
            session.run("python", "-m", "benchmarks.gate", "measure", str(out))
    finally:
        session.run("git", "worktree", "remove", "--force", str(there), external=True)
    session.run("python", "-m", "benchmarks.gate", "compare", *map(str, measured))


@nox.session
def docs(session: nox.Session) -> None:
    """HTML documentation, warnings are errors."""
    session.install(".[docs]", env=ONE_ARCHITECTURE)
    session.run("sphinx-build", "-W", "-b", "html", "docs", "docs/_build/html")
