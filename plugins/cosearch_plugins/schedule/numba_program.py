"""A schedule where there is no C compiler: the same loops as Python, compiled by Numba.

Numba chooses vectors and registers itself: `vector`, `vectors` and `packed` are held. Run as a program in a
folder with `source.py` and `inputs`, it leaves what a C program leaves there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosearch_plugins.schedule.c_sources import SUMMED
from cosearch_plugins.schedule.kernels import Kernel

BODIES = {
    "matmul": (
        "for i in range(m, m + TM, X):",
        "    for kk in range(k, k + TK, U):",
        "        for j in range(n, n + TN):",
        "            ROWS: c[i + r, j] += SUM(a[i + r, kk + u] * b[kk + u, j])",
    ),
    "conv": (
        "for g in range(f, f + TF, X):",
        "    for y in range(p, p + TP):",
        "        for cc in range(c, c + TC, U):",
        "            for r0 in range(R):",
        "                for s0 in range(S):",
        "                    for q in range(Q):",
        "                        ROWS: o[g + r, y, q] += "
        "SUM(im[cc + u, y + r0, q + s0] * w[g + r, cc + u, r0, s0])",
    ),
    "attention": (
        "for g in range(h, h + TH):",
        "    s = np.empty((TQ, TK), np.float32)",
        "    for i in range(TQ):",
        "        for j in range(TK):",
        "            x = np.float32(0)",
        "            for d in range(D):",
        "                x += qq[g, q + i, d] * kk[g, k + j, d]",
        "            s[i, j] = x * SCALE",
        "    for i in range(TQ):",
        "        high = most[g, q + i]",
        "        for j in range(TK):",
        "            high = max(high, s[i, j])",
        "        shrink = np.exp(most[g, q + i] - high)",
        "        x = np.float32(0)",
        "        for j in range(TK):",
        "            s[i, j] = np.exp(s[i, j] - high)",
        "            x += s[i, j]",
        "        for d in range(D):",
        "            o[g, q + i, d] *= shrink",
        "        most[g, q + i] = high",
        "        total[g, q + i] = total[g, q + i] * shrink + x",
        "    for i in range(0, TQ, X):",
        "        for j in range(0, TK, U):",
        "            for d in range(D):",
        "                ROWS: o[g, q + i + r, d] += SUM(s[i + r, j + u] * vv[g, k + j + u, d])",
    ),
}
PLAIN = {
    "matmul": (
        "for i in range(M):",
        "    for j in range(N):",
        "        x = np.float32(0)",
        "        for k in range(K):",
        "            x += a[i, k] * b[k, j]",
        "        c[i, j] = x",
    ),
    "conv": (
        "for f in range(F):",
        "    for p in range(P):",
        "        for q in range(Q):",
        "            x = np.float32(0)",
        "            for c in range(C):",
        "                for r in range(R):",
        "                    for s in range(S):",
        "                        x += im[c, p + r, q + s] * w[f, c, r, s]",
        "            o[f, p, q] = x",
    ),
    "attention": (
        "s = np.empty(L, np.float32)",
        "for h in range(H):",
        "    for i in range(L):",
        "        for j in range(L):",
        "            x = np.float32(0)",
        "            for d in range(D):",
        "                x += qq[h, i, d] * kk[h, j, d]",
        "            s[j] = x * SCALE",
        "        high = s.max()",
        "        x = np.float32(0)",
        "        for j in range(L):",
        "            s[j] = np.exp(s[j] - high)",
        "            x += s[j]",
        "        for d in range(D):",
        "            y = np.float32(0)",
        "            for j in range(L):",
        "                y += s[j] * vv[h, j, d]",
        "            o[h, i, d] = y / x",
    ),
}
SIGNATURES = {"matmul": "a, b, c", "conv": "im, w, o", "attention": "qq, kk, vv, o"}
OUTPUTS = {"matmul": ("c", "MN"), "conv": ("o", "FPQ"), "attention": ("o", "HLD")}


def plain_source(kernel: Kernel) -> str:
    """The plain loops, one thread."""
    lines = [f"def run({SIGNATURES[kernel.name]}):", *(f"    {line}" for line in PLAIN[kernel.name])]
    return _module(kernel, dict(kernel.sizes), 1, lines, "fastmath=True")


def source(kernel: Kernel, schedule: Mapping[str, Any]) -> str:
    """A schedule's Python, with every number in it written out."""
    numbers: dict[str, Any] = dict(kernel.sizes)
    numbers |= {f"T{loop.upper()}": int(schedule[f"tile_{loop}"]) for loop in kernel.tiled}
    numbers |= {"X": int(schedule["rows"]), "U": int(schedule["unroll"])}
    output, _ = OUTPUTS[kernel.name]
    lines = [f"def run({SIGNATURES[kernel.name]}):", f"    {output}[:] = 0"]
    if kernel.name == "attention":
        lines += ["    most = np.full((H, L), np.float32(-1e30))", "    total = np.zeros((H, L), np.float32)"]
    order = list(schedule["order"])
    shared = next(loop for loop in order if loop != SUMMED[kernel.name])
    for depth, loop in enumerate(order, start=1):
        bound = "L" if kernel.name == "attention" and loop in "qk" else loop.upper()
        step = f"T{loop.upper()}"
        if loop == shared:
            lines.append("    " * depth + f"for {loop}_tile in prange({bound} // {step}):")
            lines.append("    " * (depth + 1) + f"{loop} = {loop}_tile * {step}")
        else:
            lines.append("    " * depth + f"for {loop} in range(0, {bound}, {step}):")
    inside = "    " * (len(order) + 1)
    for line in BODIES[kernel.name]:
        lines += [inside + one for one in _written_out(line, numbers["X"], numbers["U"])]
    if kernel.name == "attention":
        lines += [
            "    for h in range(H):",
            "        for i in range(L):",
            "            o[h, i] /= total[h, i]",
        ]
    return _module(kernel, numbers, int(schedule["threads"]), lines, "parallel=True, fastmath=True")


def _module(kernel: Kernel, numbers: dict[str, Any], threads: int, lines: list[str], options: str) -> str:
    if kernel.name == "attention":
        numbers["SCALE"] = f"np.float32({kernel.sizes['D'] ** -0.5!r})"
    shapes = [list(shape) for shape in kernel.shapes]
    head = [
        "import numpy as np",
        "from numba import njit, prange, set_num_threads",
        *(f"{name} = {value}" for name, value in numbers.items()),
        f"SHAPES, OUTPUT = {shapes}, {[numbers[axis] for axis in OUTPUTS[kernel.name][1]]}",
        f"set_num_threads({threads})",
        f"@njit({options})",
    ]
    return "\n".join([*head, *lines]) + "\n"


def _written_out(line: str, rows: int, unroll: int) -> list[str]:
    """A line of a block as one for each row, and its sum with as many terms as are unrolled."""
    if "ROWS: " not in line:
        return [line]
    indent, _, text = line.partition("ROWS: ")
    before, _, term = text.partition("SUM(")
    term = term.removesuffix(")")
    found = []
    for row in range(rows):
        terms = " + ".join(_at(term, row, u) for u in range(unroll))
        found.append(f"{indent}{_at(before, row, 0)}{terms}")
    return found


def _at(text: str, row: int, u: int) -> str:
    return text.replace("+ r,", f"+ {row},").replace("+ u", f"+ {u}")


def main(warm: int, repeats: int, least_ns: float) -> None:
    """Measure the folder's schedule."""
    import numpy as np

    names: dict[str, Any] = {}
    exec(compile(Path("source.py").read_text(encoding="utf-8"), "source.py", "exec"), names)
    given, at = [], 0
    numbers = np.fromfile("inputs", np.float32)
    for shape in names["SHAPES"]:
        size = int(np.prod(shape))
        given.append(numbers[at : at + size].reshape(shape))
        at += size
    found, times = np.zeros(names["OUTPUT"], np.float32), np.empty(repeats)
    run = names["run"]
    for _ in range(warm):
        run(*given, found)
    for repeat in range(repeats):
        inner, began = 0, time.perf_counter_ns()
        while True:
            run(*given, found)
            inner += 1
            took = time.perf_counter_ns() - began
            if took >= least_ns:
                break
        times[repeat] = took / inner
    found.tofile("result")
    times.tofile("times")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
