"""A fuzz target for the readers: `python tests/trust/fuzz.py -max_total_time=600` (needs atheris).

The bytes of the fuzzer are one file of a corpus of `mutants.py`; the first byte says which.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["equiload.data", "csv", "json", "zipfile"]):
    import mutants

import equiload as el

FILES = [
    (corpus, name)
    for corpus in mutants.TEXTUAL
    if corpus != "ten data centres"
    for name in sorted(mutants.corpus(corpus))
]


def one_input(data: bytes) -> None:
    """Read a corpus with one file replaced."""
    corpus, name = FILES[data[0] % len(FILES)] if data else FILES[0]
    with tempfile.TemporaryDirectory() as folder:
        for other, content in mutants.corpus(corpus).items():
            (Path(folder) / other).write_bytes(data[1:] if other == name else content)
        with contextlib.suppress(el.InputError):
            mutants.CORPORA[corpus][1](Path(folder))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as seeds:
        for at, (corpus, name) in enumerate(FILES):
            (Path(seeds) / str(at)).write_bytes(bytes([at]) + mutants.corpus(corpus)[name])
        atheris.Setup([*sys.argv, seeds], one_input)
        atheris.Fuzz()
