"""Writes the golden files of this folder: `python tests/golden/make.py`, with NumPy and nothing else.

    builtins.seq              a function for each case of cases.py
    builtins.safetensors      its inputs, `CASE/in/NAME`, and what NumPy says, `CASE/out`
    MODEL.weights.safetensors weights of a small model, under the paths that the compiler gives them
    MODEL.logits.safetensors  `tokens`, and `logits` as NumPy computes them from these weights

The files are the same bytes on every run. The tests read them and need no Python.
"""

import json
import pathlib
import struct

import numpy as np

import ten
from cases import CASES

HERE = pathlib.Path(__file__).parent
NAMES = {"float32": "F32", "complex64": "C64", "int32": "I32", "bool": "BOOL"}


def write_safetensors(path, tensors):
    """The format's own words: header length, header, data; offsets in the order of the names."""
    header, data = {}, b""
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape)
        start = len(data)
        data += array.tobytes()
        header[name] = {"dtype": NAMES[array.dtype.name], "shape": list(array.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_cases():
    head = "//! A function for each golden case: made by make.py from cases.py, which also says what each gives.\n"
    (HERE / "builtins.seq").write_text(head + "".join("\n" + case["text"] + "\n" for case in CASES))
    tensors = {}
    for case in CASES:
        tensors[f"{case['name']}/out"] = case["result"]
        for name, value in case["inputs"].items():
            tensors[f"{case['name']}/in/{name}"] = value
    write_safetensors(HERE / "builtins.safetensors", tensors)


# Sizes that are no multiples of anything, weights large enough that every part shows in the logits.
VOCAB, DIM, MODES, LAYERS, CELLS, CONTEXT, LENGTH = 11, 6, 5, 2, 2, 40, 37


def draw(rng, shape, scale=0.5):
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def shell(rng):
    return {
        "embed": draw(rng, (VOCAB, DIM), 1.0),
        "pos": draw(rng, (CONTEXT, DIM)),
        "norm.scale": 1 + draw(rng, DIM, 0.1),
        "norm.shift": draw(rng, DIM, 0.1),
    }


def post_norm_weights(seed):
    rng = np.random.default_rng(seed)
    p = shell(rng)
    for layer in range(LAYERS):
        at = f"blocks.{layer}"
        for norm in ("norm1", "norm2"):
            p[f"{at}.{norm}.scale"] = 1 + draw(rng, DIM, 0.1)
            p[f"{at}.{norm}.shift"] = draw(rng, DIM, 0.1)
        p[f"{at}.mlp.w1"] = draw(rng, (DIM, 4 * DIM))
        p[f"{at}.mlp.b1"] = draw(rng, 4 * DIM)
        p[f"{at}.mlp.w2"] = draw(rng, (4 * DIM, DIM))
        p[f"{at}.mlp.b2"] = draw(rng, DIM)
        for i in range(CELLS):
            flow = f"{at}.flows.{i}"
            p[f"{flow}.alpha"] = rng.uniform(1, 5, MODES).astype(np.float32)
            p[f"{flow}.omega"] = rng.uniform(0, 6, MODES).astype(np.float32)
            p[f"{flow}.w_in"] = draw(rng, (DIM, MODES))
            p[f"{flow}.w_out"] = draw(rng, (MODES, DIM))
            p[f"{flow}.m"] = draw(rng, (MODES, MODES), 1.0)
    return p


def gated_weights(seed, selective):
    rng = np.random.default_rng(seed)
    heads, width = 2, 2
    modes = heads * width
    p = shell(rng)
    for layer in range(LAYERS):
        at = f"blocks.{layer}"
        for norm in ("norm1", "norm2"):
            p[f"{at}.{norm}.scale"] = 1 + draw(rng, DIM, 0.1)
            p[f"{at}.{norm}.shift"] = draw(rng, DIM, 0.1)
        p[f"{at}.w1"] = draw(rng, (DIM, 4 * DIM))
        p[f"{at}.w2"] = draw(rng, (4 * DIM, DIM))
        flow = f"{at}.flow"
        p[f"{flow}.alpha"] = rng.uniform(1, 4, modes).astype(np.float32)
        p[f"{flow}.omega"] = rng.uniform(0, 6, modes).astype(np.float32)
        p[f"{flow}.w_in"] = draw(rng, (DIM, 2 * modes))
        p[f"{flow}.r"] = (np.eye(width) + draw(rng, (heads, width, width))).astype(np.float32)
        p[f"{flow}.w_out"] = draw(rng, (2 * modes, DIM))
        p[f"{flow}.w_gate"] = draw(rng, (DIM, DIM))
        p[f"{flow}.b_gate"] = draw(rng, DIM)
        if selective:
            p[f"{flow}.w_sel"] = draw(rng, (DIM, 2 * modes), 1.0)
    return p


def write_models():
    tokens = np.random.default_rng(7).integers(0, VOCAB, LENGTH).astype(np.int32)
    shared = post_norm_weights(11)  # one set for all four, so that their logits show only what sets them apart
    models = {
        "ten": (shared, lambda p: ten.post_norm_model("output", ten.gelu, p, tokens, LAYERS, CELLS)),
        "ten_v1": (shared, lambda p: ten.post_norm_model("v1", ten.gelu, p, tokens, LAYERS, CELLS)),
        "ten_v2": (shared, lambda p: ten.post_norm_model("v2", ten.gelu_tanh, p, tokens, LAYERS, CELLS)),
        "ten_v3": (shared, lambda p: ten.post_norm_model("v3", ten.gelu_tanh, p, tokens, LAYERS, CELLS, chunk=8)),
        "ten_2026": (gated_weights(12, False), lambda p: ten.gated_model(p, tokens, LAYERS)),
        "ten_2026_selective": (gated_weights(13, True), lambda p: ten.gated_model(p, tokens, LAYERS, selective=True)),
    }
    for name, (weights, run) in models.items():
        logits = run({path: array.astype(np.float64) for path, array in weights.items()})
        write_safetensors(HERE / f"{name}.weights.safetensors", weights)
        write_safetensors(HERE / f"{name}.logits.safetensors", {"tokens": tokens, "logits": logits.astype(np.float32)})


if __name__ == "__main__":
    ten.check()
    write_cases()
    write_models()
    print(f"{len(CASES)} cases")
