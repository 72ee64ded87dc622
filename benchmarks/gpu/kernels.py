"""What nvcc makes of the kernels: registers, spills, warps, loads under way; no GPU is needed.

``python -m benchmarks.gpu.kernels --arch 75 90 --only ArcPass`` compiles the back end of this tree,
or of ``--root``, and prints a line for every kernel.  Loads want ``cuobjdump`` and ``nvdisasm``,
beside nvcc, on the path or from the packages nvidia-cuda-cuobjdump and nvidia-cuda-nvdisasm.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .table import lines

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("-std=c++20", "-O3", "-DNDEBUG", "--fmad=false", "--expt-relaxed-constexpr")
COLUMNS = (
    ("sm", "arch"),
    ("kernel", "kernel"),
    ("threads", "threads"),
    ("registers", "registers"),
    ("spilled bytes", "spilled"),
    ("warps", "warps"),
    ("of", "most_warps"),
    ("loads under way", "loads"),
)


@dataclass(frozen=True)
class Multiprocessor:
    """What the blocks of a multiprocessor share (CUDA C++ Programming Guide)."""

    warps: int
    blocks: int
    shared: int  # bytes
    reserved: int  # of them for each block
    registers: int = 65536

    def resident(self, threads: int, registers: int, shared: int = 0) -> int:
        """Return how many warps of such blocks fit.

        Registers are given to a warp by 256, a quarter of them to the warps of each scheduler.
        """
        each = -(-threads // 32)
        by_registers = 4 * (self.registers // 4 // (-(-registers * 32 // 256) * 256)) // each
        by_shared = self.shared // (shared + self.reserved) if shared else self.blocks
        return each * min(self.blocks, self.warps // each, by_registers, by_shared)


MULTIPROCESSORS = {
    75: Multiprocessor(warps=32, blocks=16, shared=64 << 10, reserved=0),
    80: Multiprocessor(warps=64, blocks=32, shared=164 << 10, reserved=1 << 10),
    90: Multiprocessor(warps=64, blocks=32, shared=228 << 10, reserved=1 << 10),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.gpu.kernels", description=__doc__)
    parser.add_argument("--arch", type=int, nargs="+", choices=MULTIPROCESSORS, default=[75, 90])
    parser.add_argument("--only", default="", help="kernels whose names match this expression")
    parser.add_argument("--row", type=int, default=32, help="arcs of the longest row")
    parser.add_argument("--root", type=Path, default=ROOT, help="a tree of this project")
    options = parser.parse_args()
    rows = [row for arch in options.arch for row in kernels(options.root, arch, options.row)]
    print(lines(COLUMNS, [row for row in rows if re.search(options.only, row["kernel"])]))


def kernels(root: Path, arch: int, row: int) -> list[dict[str, Any]]:
    """Compile the back end of a tree and return a record for every kernel."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernels.cubin"
        argv = ["nvcc", *FLAGS, f"-I{root / 'cpp'}", f"-I{root / 'cuda'}", f"-arch=sm_{arch}"]
        argv += ["-cubin", "-Xptxas", "-v", "-o", str(cubin), str(root / "cuda/cuda_backend.cu")]
        said = run(argv)
        disassembler = tool("cuobjdump")
        sass = run([disassembler, "-sass", str(cubin)]) if disassembler else ""
    loads = dict(in_flight(sass))
    found = [
        described(name, registers, spilled, loads.get(name), arch, row)
        for name, registers, spilled in compiled(said)
    ]
    return sorted(found, key=lambda record: record["kernel"])


def run(argv: list[str]) -> str:
    """Run a program and return all that it printed."""
    path = os.pathsep.join([os.environ["PATH"], *{str(Path(argv[0]).parent)}])
    found = subprocess.run(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    if found.returncode:
        sys.exit(f"{argv[0]} ended with status {found.returncode}: {found.stdout}")
    return found.stdout


def tool(name: str) -> str | None:
    """Return where a program of the toolkit is: on the path, beside nvcc, or in a package."""
    nvcc = shutil.which("nvcc")
    folders = [Path(nvcc).resolve().parent] if nvcc else []
    folders += [bin for place in sys.path for bin in Path(place).glob("nvidia/*/bin")]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))


def compiled(said: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, registers and spilled bytes of each kernel from what ptxas says."""
    name, spilled = "", 0
    for line in said.splitlines():
        if start := re.search(r"Compiling entry function '(\w+)'", line):
            name, spilled = start[1], 0
        elif spills := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(spills[1]) + int(spills[2])
        elif used := re.search(r"Used (\d+) registers", line):
            yield name, int(used[1]), spilled


def described(
    name: str, registers: int, spilled: int, loads: int | None, arch: int, row: int
) -> dict[str, Any]:
    """Return the record of a kernel as it would be launched."""
    text = run(["c++filt", name]).strip()
    kernel = re.sub(r"equiload::|grid::|void |\(bool\)|\(int\)|\(long.*", "", text)
    size, sm = launch(kernel, row, MULTIPROCESSORS[arch]), MULTIPROCESSORS[arch]
    return {
        "arch": arch,
        "kernel": kernel,
        "threads": size[0],
        "registers": registers,
        "spilled": spilled,
        "warps": sm.resident(size[0], registers, size[1]),
        "most_warps": sm.warps,
        "loads": loads,
    }


def launch(kernel: str, row: int, sm: Multiprocessor) -> tuple[int, int]:
    """Return threads and bytes of shared memory of a block, as cuda_machine.cuh chooses them.

    A burden pass has five numbers a thread where there are two footprints.
    """
    if kernel.startswith("run_groups"):
        return 256 if "EquityStep" in kernel else 32, 0
    if kernel.startswith("run_items"):
        return 256, 0
    if kernel.startswith("run_with_columns"):
        return 128, 0
    return with_shared(row if "ArcPass" in kernel else 5, sm) or (32, 8 * 32 * row)


def with_shared(numbers: int, sm: Multiprocessor) -> tuple[int, int] | None:
    """Return threads and shared memory of a block with so many numbers a thread, if it is good."""
    best, most = None, 7
    for threads in (128, 64, 32):
        shared = 8 * numbers * threads
        blocks = sm.shared // (shared + sm.reserved) if shared <= 48 << 10 else 0
        if min(24, blocks * threads // 32) > most:
            best, most = (threads, shared), min(24, blocks * threads // 32)
    return best


def in_flight(sass: str) -> Iterator[tuple[str, int]]:
    """Yield for each kernel how many loads from global memory it waits for at most at a time.

    Instructions are followed as they stand, over branches that may be taken, up to one that always
    is.  A load is under way until an instruction names a register that it fills.
    """
    name, most = "", 0
    waiting: dict[int, int] = {}  # which load fills a register
    for number, line in enumerate(sass.splitlines()):
        if start := re.search(r"Function : (\w+)", line):
            if name:
                yield name, most
            name, waiting, most = start[1], {}, 0
        found = re.match(r"\s+/\*[0-9a-f]+\*/\s+(@\S+\s+)?([A-Z0-9_.]+)\s*([^;]*);", line)
        if not found:
            continue
        condition, operation, operands = found.groups()
        arrived = {waiting[register] for register in registers_of(operands) if register in waiting}
        waiting = {register: load for register, load in waiting.items() if load not in arrived}
        if operation.split(".")[0] in ("BRA", "BRX", "EXIT", "RET") and not condition:
            waiting = {}
        if operation.startswith("LDG") and (target := re.match(r"R(\d+)", operands)):
            width = 4 if ".128" in operation else 2 if ".64" in operation else 1
            waiting |= {int(target[1]) + k: number for k in range(width)}
            most = max(most, len(set(waiting.values())))
    if name:
        yield name, most


def registers_of(operands: str) -> Iterable[int]:
    """Return the registers that an instruction names, second halves of pairs included."""
    for number, pair in re.findall(r"\bR(\d+)(\.64)?", operands):
        yield int(number)
        if pair:
            yield int(number) + 1


if __name__ == "__main__":
    main()
