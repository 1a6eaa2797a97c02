"""Rows without a peer: what tensc is held to by this machine itself."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

TEN = "examples/ten.seq"
SMALL = [TEN, "--preset", "small"]


class Tensc:
    """Runs the binary; `peak` is the most memory that the last run had, in bytes."""

    def __init__(self, root):
        self.root, self.binary, self.peak = root, root / "target/release/tensc", 0

    def __call__(self, *arguments):
        with tempfile.TemporaryFile("w+") as out:
            process = subprocess.Popen([self.binary, *map(str, arguments)], cwd=self.root, stdout=out)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise SystemExit(f"tensc {' '.join(map(str, arguments))}: exit code {process.returncode}")
            self.peak = usage.ru_maxrss * 1024
            out.seek(0)
            return out.read()

    def bench(self, *arguments):
        return json.loads(self("bench", *arguments, "--json"))["entries"][0]


def row(work, bar, found, value, limit, at_most=True):
    return {"work": work, "bar": bar, "found": found, "met": value <= limit if at_most else value >= limit}


def weights_bytes(tensc, arguments):
    """Bytes of a model's weights in f32."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.safetensors"
        tensc("init", *arguments, "-o", path, "--quiet")
        return path.stat().st_size


def decode(tensc, rates):
    """One token of one sequence: every weight is read once."""
    least = weights_bytes(tensc, SMALL) / rates["read"]
    one = ["--fn", "forward", "--hint", "B=1,T=1", "--repeat", "40"]
    f32 = tensc.bench(*SMALL, *one)["median_s"]
    bf16 = tensc.bench(*SMALL, *one, "--dtype", "bf16")["median_s"]
    work = "token by token, TEN small, B 1"
    return [
        row(work, "at most 1.3 x reading the weights once", f"{f32 * 1e3:.1f} ms, {f32 / least:.2f} x {least * 1e3:.1f} ms", f32 / least, 1.3),
        row(work + ", bf16 weights", "at most 0.65 x the time with f32", f"{bf16 * 1e3:.1f} ms, {bf16 / f32:.2f} x", bf16 / f32, 0.65),
    ]


def compile_time(tensc, rates):
    """From a source file to runnable code."""
    hint = ["--fn", "forward", "--hint", "B=1,T=1", "--repeat", "1"]

    def seconds(*arguments):
        return min(tensc.bench(*arguments, *hint)["compile_s"] for _ in range(3))

    small, twice, cell = seconds(*SMALL), seconds(*SMALL, "--set", "L=16"), seconds("bench/models/flow.seq")
    return [
        row("from `.seq` to runnable code, TEN small", "at most 1 s", f"{small:.2f} s", small, 1.0),
        row("the same with twice the layers", "at most 10 % more", f"{100 * (twice / small - 1):+.0f} %", twice / small, 1.1),
        row("from `.seq` to runnable code, one cell", "at most 0.1 s", f"{cell:.3f} s", cell, 0.1),
    ]


def memory(tensc, rates):
    """A long stream through a small model."""
    nano = [TEN, "--preset", "nano", "--set", "context=262144"]
    times, entries = {}, (16_384, 262_144)
    for length in entries:
        entry = tensc.bench(*nano, "--fn", "next", "--hint", f"B=1,T={length}", "--repeat", "1")
        times[length] = entry["median_s"] / length
    more = tensc.peak - weights_bytes(tensc, nano)
    ratio = times[entries[1]] / times[entries[0]]
    return [
        row("`next` over 262,144 tokens of nano, memory", "at most weights + 300 MB", f"weights + {more / 1e6:.0f} MB", more, 300e6),
        row("the same, time per token", "within 10 % of that over 16,384", f"{100 * (ratio - 1):+.1f} %", abs(ratio - 1), 0.1),
    ]


def threads(tensc, rates):
    """One thread and two: the same bits, in less time."""
    hint = ["--fn", "forward", "--hint", "B=2,T=512"]
    one, two = (tensc.bench(*SMALL, *hint, "--repeat", "3", "--threads", n)["median_s"] for n in (1, 2))
    with tempfile.TemporaryDirectory() as folder:
        outputs = []
        for n in (1, 2):
            path = Path(folder) / f"{n}.npy"
            tensc("run", *SMALL, *hint, "--input", "tokens=random", "--threads", n, "--output", path, "--quiet")
            outputs.append(path.read_bytes())
    work = "two threads, TEN small, 2 x 512 tokens"
    return [
        row(work, "the same bits as one", "the same" if outputs[0] == outputs[1] else "others", outputs[0] != outputs[1], 0),
        row(work, "at least 1.6 x as fast", f"{one / two:.2f} x", one / two, 1.6, at_most=False),
    ]


ROWS = {"decode": decode, "compile": compile_time, "memory": memory, "threads": threads}


def calibrated(tensc):
    """What this machine reaches with all its threads, measured now."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        tensc("doctor", "--calibrate", "--json")
        return json.loads(tensc("doctor", "--json"))["speed"]["by_threads"][-1]


def table(results):
    lines = ["| work | bar | found |", "|---|---|---|"]
    lines += [f"| {r['work']} | {r['bar']} | {r['found']}{'' if r['met'] else ' (missed)'} |" for r in results]
    return "\n".join(lines) + "\n"
