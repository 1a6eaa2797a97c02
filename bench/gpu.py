#!/usr/bin/env python3
"""The suite on a GPU, from a binary and bundles that were built elsewhere.

    python3 bench/gpu.py bundles --tensc target/gpu/tensc --to bundles --target sm_90     where LLVM is
    python3 bench/gpu.py run --tensc target/release/tensc --from bundles --device cuda    where the GPU is

`run` first has the device check itself, then runs every bundle several times, compares its results with the f64 interpreter, and writes
one JSON file and one table: for each bundle the largest error and the median time of a call, copies of inputs and results included.
`--device emulator` is a dry run without a GPU; its times mean nothing.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUNCTIONS = ["forward", "next", "loss"]
TOLERANCE = 1e-4


def tensc(binary, *words):
    done = subprocess.run([binary, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"tensc {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def make(options):
    options.to.mkdir(parents=True, exist_ok=True)
    for example in sorted((ROOT / "examples").glob("*.seq")):
        bundle = options.to / f"{example.stem}.{options.preset}.tenb"
        tensc(options.tensc, "compile", str(example), "--preset", options.preset, "--target", options.target, "-o", str(bundle))
        print(bundle)


def measure(options, bundle, function):
    sizes = f"B={options.batch},T={options.length}"
    words = ["run", str(bundle), "--fn", function, "--device", options.device, "--hint", sizes, "--json"]
    for name in options.inputs:
        words += ["--input", f"{name}=random"]
    checked = json.loads(tensc(options.tensc, *words, "--verify"))
    error = max(result["relative_rms_error"] for result in checked["results"])
    times = [json.loads(tensc(options.tensc, *words))["time_s"] for _ in range(options.repeat)]
    return {"error": error, "median_s": statistics.median(times), "best_s": min(times)}


def run(options):
    print(tensc(options.tensc, "doctor", "--device", options.device))
    rows, failed = {}, False
    for bundle in sorted(options.source.glob("*.tenb")):
        for function in FUNCTIONS:
            name = f"{bundle.stem} {function}"
            try:
                rows[name] = measure(options, bundle, function)
                wrong = not rows[name]["error"] <= TOLERANCE
            except RuntimeError as error:
                rows[name] = {"failure": str(error)}
                wrong = True
            failed |= wrong
            shown = rows[name].get("failure") or "{error:.1e}  {median_s:.6f} s".format(**rows[name])
            print(f"{'FAILED' if wrong else 'ok':6}  {name:40}  {shown}", flush=True)
    facts = {"device": options.device, "batch": options.batch, "length": options.length, "rows": rows}
    options.json.write_text(json.dumps(facts, indent=2) + "\n")
    return 1 if failed or not rows else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    bundles = commands.add_parser("bundles", help="compile every example for a GPU")
    bundles.add_argument("--to", type=pathlib.Path, required=True)
    bundles.add_argument("--target", default="sm_90")
    bundles.add_argument("--preset", default="tiny")
    bundles.set_defaults(do=make)
    suite = commands.add_parser("run", help="run bundles on a device")
    suite.add_argument("--from", dest="source", type=pathlib.Path, required=True)
    suite.add_argument("--device", default="cuda")
    suite.add_argument("--batch", type=int, default=2)
    suite.add_argument("--length", type=int, default=64)
    suite.add_argument("--repeat", type=int, default=5)
    suite.add_argument("--inputs", nargs="*", default=["tokens"])
    suite.add_argument("--json", type=pathlib.Path, default=pathlib.Path("gpu.json"))
    suite.set_defaults(do=run)
    for command in [bundles, suite]:
        command.add_argument("--tensc", default=str(ROOT / "target/release/tensc"))
    options = parser.parse_args()
    return options.do(options)


if __name__ == "__main__":
    sys.exit(main())
