"""Makes the golden files beside this script: `python make.py` with numpy and safetensors installed.

The files are NumPy's and safetensors' own word for the formats; tests/formats.rs reads them and writes the same bytes.
"""
import pathlib

import numpy as np
from numpy.lib import format as npy
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent


def counted(shape, dtype):
    n = int(np.prod(shape))
    x = np.arange(n)
    if dtype == np.complex64:
        return (x - 1.5j * x).astype(dtype).reshape(shape)
    if dtype == np.bool_:
        return (x % 3 == 0).reshape(shape)
    if np.issubdtype(dtype, np.floating):
        return (x / 4 - 1).astype(dtype).reshape(shape)
    return x.astype(dtype).reshape(shape)


def save(name, array, version=(1, 0)):
    with open(HERE / f"{name}.npy", "wb") as file:
        npy.write_array(file, array, version=version)


for name in ["float16", "float32", "float64", "complex64", "int32", "uint8", "bool"]:
    save(name, counted((2, 3), np.dtype(name).type))
for name in ["int8", "int16", "int64", "uint16", "uint32", "uint64"]:
    save(name, counted((2, 3), np.dtype(name).type))
save("negative_int64", np.array([-1, -(2**31), 2**31 - 1], np.int64))
save("large_int64", np.array([[1, 2], [3, 2**31]], np.int64))
save("complex128", counted((2, 3), np.complex64).astype(np.complex128))
save("date", np.array(["2026-01-01"], "datetime64[D]"))
save("scalar", np.float32(2.5))
save("one_axis", counted((5,), np.float32))
save("empty", np.zeros((0, 3), np.float32))
save("fortran", np.asfortranarray(counted((2, 3, 4), np.float32)))
save("fortran_int64", np.asfortranarray(counted((2, 3, 4), np.int64)))
for name in ["f4", "i4", "c8", "f2", "f8", "i8"]:
    little = counted((2, 3), np.dtype("<" + name).type)
    save(f"big_endian_{name}", little.astype(">" + name))
save("version_2", counted((2, 3), np.float32), version=(2, 0))
save("version_3", counted((2, 3), np.float32), version=(3, 0))
save("structure", np.zeros(2, [("a", "<f4"), ("b", "<i4")]))

save_file(
    {
        "alpha": counted((3,), np.float32),
        "blocks.0.w": counted((2, 3), np.float16),
        "spectrum": counted((2, 2), np.complex64),
        "table": counted((4,), np.int32),
        "mask": counted((5,), np.bool_),
        "long": counted((2,), np.int64),
        "empty": np.zeros((0, 7), np.float32),
    },
    HERE / "several.safetensors",
    metadata={"made by": "make.py"},
)
