#!/usr/bin/env python3
"""Runs tensc and its peers side by side: `python3 bench/run.py [ROW]...`.

Makes `bench/.venv` with the pinned peers when it is missing, builds tensc, then for each row compares the outputs, and only if they agree times tensc and each formulation
of the peers in turn. Rows without a peer (decoding, compile time, memory, threads) are compared with the machine. Rows that are not asked for keep their last result.
Writes `bench/results/cpu.json` and `bench/results/cpu.md` with the machine and all versions.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = HERE / ".venv"
ROUNDS = 5


def enter_environment():
    """Starts again inside the pinned environment, made on first use."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix) == VENV or os.environ.get("TENSC_BENCH_PYTHON") == sys.executable:
        return
    if not python.exists():
        print("making", VENV, "with the peers of requirements.txt", flush=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
    os.execv(python, [python, *sys.argv])


def rows():
    import peers

    return {
        "scan": {
            "title": "complex diagonal recurrence, B 8, T 4096, K 128",
            "file": "bench/models/scan.seq",
            "inputs": {"x": (8, 4096, 128)},
            "peers": {
                "JAX lax.scan, complex": peers.scan_jax_scan,
                "JAX lax.scan, two reals": peers.scan_jax_two_reals,
                "JAX associative_scan": peers.scan_jax_associative,
                "TorchScript loop": peers.scan_torch_loop,
            },
        },
        "flow": {
            "title": "one Flow cell, B 8, T 4096, D 1024, K 128",
            "file": "bench/models/flow.seq",
            "inputs": {"x": (8, 4096, 1024)},
            "peers": {"JAX lax.scan": peers.flow_jax("scan"), "JAX associative_scan": peers.flow_jax("associative")},
        },
        "mamba": {
            "title": "Mamba recurrence, B 2, T 4096, D 512, N 16",
            "file": "bench/models/mamba_scan.seq",
            "inputs": {"x": (2, 4096, 512), "delta": (2, 4096, 512), "b": (2, 4096, 16), "c": (2, 4096, 16)},
            "peers": {"JAX lax.scan": peers.mamba_jax_scan, "TorchScript loop": peers.mamba_torch_loop},
        },
        "long": {
            "title": "complex diagonal recurrence, B 1, T 1048576, K 4",
            "file": "bench/models/scan.seq",
            "options": ["--set", "K=4"],
            "inputs": {"x": (1, 1048576, 4)},
            "peers": {
                "JAX lax.scan, two reals": peers.scan_jax_two_reals,
                "JAX associative_scan": peers.scan_jax_associative,
            },
            "others": {"tensc, step form": ["--form", "diagonal-constant=step"]},
        },
        "retention": {
            "title": "retention, B 1, T 4096, 4 heads of 64",
            "file": "bench/models/retention.seq",
            "inputs": {name: (1, 4096, 4, 64) for name in ("q", "k", "v")},
            "peers": {"JAX lax.scan": peers.retention_jax_scan, "JAX chunks of 64": peers.retention_jax_chunks},
            "others": {"tensc, step form": ["--form", "decayed-outer=step"]},
        },
        "gla": {
            "title": "gated linear attention, B 1, T 4096, 4 heads of 64",
            "file": "bench/models/gla_core.seq",
            "inputs": {name: (1, 4096, 4, 64) for name in ("q", "k", "v", "decay")},
            "peers": {"JAX lax.scan": peers.gla_jax_scan, "JAX chunks of 16": peers.gla_jax_chunks},
            "others": {"tensc, step form": ["--form", "decayed-outer=step"]},
        },
        "delta": {
            "title": "delta rule, B 1, T 4096, 4 heads of 64",
            "file": "bench/models/delta_rule.seq",
            "inputs": {**{name: (1, 4096, 4, 64) for name in ("q", "unit_k", "v")}, "beta": (1, 4096, 4)},
            "peers": {"JAX lax.scan": peers.delta_jax_scan, "JAX chunks of 32": peers.delta_jax_chunks},
            "others": {"tensc, step form": ["--form", "rank-one=step"]},
        },
        "ten": {
            "title": "TEN small forward, 16 x 512 tokens, logits included",
            "file": "examples/ten.seq",
            "options": ["--preset", "small"],
            "rounds": 2,
            "inputs": {"tokens": (16, 512)},
            "peers": {
                "JAX lax.scan": peers.ten_jax("scan"),
                "JAX associative_scan": peers.ten_jax("associative"),
                "PyTorch, the seed's loop": peers.ten_torch_seed_loop,
            },
        },
    }


def make_inputs(shapes, folder):
    import numpy as np

    generator = np.random.default_rng(0)
    arrays, arguments = {}, []
    for name, shape in shapes.items():
        if name == "tokens":
            array = generator.integers(0, 256, shape).astype(np.int32)
        else:
            array = generator.normal(size=shape).astype(np.float32)
        if name == "delta":
            array = np.log1p(np.exp(array - 2)).astype(np.float32)
        if name in ("beta", "decay"):
            array = (1 / (1 + np.exp(-array)) ** (1 / 16 if name == "decay" else 1)).astype(np.float32)
        if name.startswith("unit"):
            array /= np.sqrt((array**2).sum(-1, keepdims=True))
        arrays[name] = array
        np.save(folder / f"{name}.npy", array)
        arguments += ["--input", f"{name}={folder / name}.npy"]
    return arrays, arguments


def tensc(*arguments):
    command = [ROOT / "target/release/tensc", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def timed(function, least_seconds=1.0):
    times = []
    while sum(times) < least_seconds and len(times) < 20:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times


def timed_tensc(row, common, arrays, *more):
    """Median of a few calls on random inputs of the same shapes."""
    batch, length = next(iter(arrays.values())).shape[:2]
    weights = common[: common.index("--input")]
    arguments = [*weights, *more, "--fn", "forward", "--hint", f"B={batch},T={length}", "--repeat", "3" if "rounds" in row else "10"]
    return json.loads(tensc("bench", *arguments, "--json"))["entries"][0]["median_s"]


def run_row(name, row):
    import numpy as np
    from safetensors.numpy import load_file

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        arrays, arguments = make_inputs(row["inputs"], folder)
        options = row.get("options", [])
        tensc("init", row["file"], *options, "-o", folder / "w.safetensors")
        weights = load_file(folder / "w.safetensors")
        common = [row["file"], *options, "--weights", folder / "w.safetensors", *arguments]
        tensc("run", *common, "--output", folder / "out.npy", "--quiet")
        expected = np.load(folder / "out.npy")
        ready = {}
        for peer, build in row["peers"].items():
            function = build(arrays, weights)
            found = np.asarray(function())
            error = np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean())
            print(f"{name}: {peer}: relative RMS difference {error:.1e}", flush=True)
            if error > 1e-4:
                raise SystemExit(f"{name}: outputs of tensc and {peer} differ; nothing is timed")
            ready[peer] = function
        ours, theirs = [], {peer: [] for peer in ready}
        others = {other: [] for other in row.get("others", {})}
        for _ in range(row.get("rounds", ROUNDS)):
            ours.append(timed_tensc(row, common, arrays))
            for other, more in row.get("others", {}).items():
                others[other].append(timed_tensc(row, common, arrays, *more))
            for peer, function in ready.items():
                theirs[peer].append(statistics.median(timed(function)))
    medians = {peer: statistics.median(times) for peer, times in theirs.items()}
    best = min(medians, key=medians.get)
    return {
        "name": name,
        "title": row["title"],
        "tensc_s": statistics.median(ours),
        "peers_s": medians,
        "others_s": {other: statistics.median(times) for other, times in others.items()},
        "best_peer": best,
        "ratio": medians[best] / statistics.median(ours),
    }


def machine():
    import importlib.metadata

    model = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    versions = {name: importlib.metadata.version(name) for name in ("jax", "numpy", "torch")}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "date": time.strftime("%Y-%m-%d"), "commit": commit, "versions": versions}


def table(results, facts):
    lines = [
        f"Measured on {facts['date']} at {facts['commit']}: {facts['cpu']}, {facts['cores']} cores, "
        + ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        + ". f32, medians, outputs compared first; the ratio is the best peer's time over tensc's.",
        "",
        "| work | tensc | best peer | ratio | all formulations tried |",
        "|---|---|---|---|---|",
    ]
    for row in results:
        tried = ", ".join(f"{peer} {seconds * 1e3:.1f} ms" for peer, seconds in {**row["peers_s"], **row["others_s"]}.items())
        lines.append(
            f"| {row['title']} | {row['tensc_s'] * 1e3:.1f} ms | {row['best_peer']} {row['peers_s'][row['best_peer']] * 1e3:.1f} ms "
            f"| {row['ratio']:.2f} | {tried} |"
        )
    return "\n".join(lines) + "\n"


def main():
    enter_environment()
    sys.path.insert(0, str(HERE))
    import own

    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    available = rows() | own.ROWS
    wanted = sys.argv[1:] or list(available)
    unknown = [name for name in wanted if name not in available]
    if unknown:
        raise SystemExit(f"no row {', '.join(unknown)}; there are {', '.join(available)}")
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    path = folder / "cpu.json"
    known = json.loads(path.read_text()) if path.exists() else {"rows": {}, "own": {}}
    known["machine"] = facts = machine()
    binary = own.Tensc(ROOT)
    known["rates"] = rates = own.calibrated(binary)
    for name in wanted:
        if name in own.ROWS:
            known["own"][name] = own.ROWS[name](binary, rates)
        else:
            known["rows"][name] = run_row(name, available[name])
        path.write_text(json.dumps(known, indent=1) + "\n")
    peers = [known["rows"][name] for name in available if name in known["rows"]]
    alone = [row for name in own.ROWS for row in known["own"].get(name, [])]
    speed = f"This machine reads {rates['read'] / 1e9:.1f} GB/s, copies {rates['copy'] / 1e9:.1f} GB/s and multiplies {rates['products'] / 1e9:.0f} GFLOP/s with {rates['threads']} threads.\n"
    text = table(peers, facts) + "\n" + speed + "\n" + own.table(alone)
    (folder / "cpu.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
