"""Measures llama.cpp on the rows of `prunescope bench`, on the same file and cores, beside it.

Opt-in, since llama-cpp-python compiles for twenty minutes: pip install llama-cpp-python==0.3.36, then

    python tests/bench/beside_llama_cpp.py target/release/prunescope model.gguf

Each model reads 256 tokens at once and writes 32; the fastest of three times, with one thread and with as many as there are cores, alternating.
"""

import os
import re
import subprocess
import sys
import time

import llama_cpp

PROMPT, WRITTEN, ROUNDS = 256, 32, 3


def of_llama_cpp(path: str, threads: int) -> tuple[float, float]:
    """Tokens read and written in a second."""
    model = llama_cpp.Llama(path, n_ctx=512, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False)
    prompt = list(range(1000, 1000 + PROMPT))
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        model.reset()
        begin = time.perf_counter()
        model.eval(prompt)
        read = time.perf_counter()
        for token in range(WRITTEN):
            model.eval([2000 + token])
        best = [min(best[0], read - begin), min(best[1], time.perf_counter() - read)]
    return PROMPT / best[0], WRITTEN / best[1]


def of_prunescope(program: str, path: str, threads: int) -> tuple[float, float]:
    command = [program, "bench", "--model", path, "--drop", "", "--threads", str(threads)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    row = next(line for line in said.splitlines() if line.startswith("| dense"))
    read, written = re.findall(r"([\d.]+) \(×", row)
    return float(read), float(written)


def main() -> None:
    program, path = sys.argv[1:3]
    for threads in sorted({1, os.cpu_count() or 1}):
        ours, theirs = of_prunescope(program, path, threads), of_llama_cpp(path, threads)
        for name, own, other in zip(("read", "written"), ours, theirs):
            print(f"{threads} threads, tokens {name} a second: prunescope {own:.1f}, llama.cpp {other:.1f}, {own / other:.2f} times")


if __name__ == "__main__":
    main()
