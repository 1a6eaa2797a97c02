"""Runs the emulator's worked examples on a real GPU and compares results bit by bit.

    TENSC_PTX_DUMP=/tmp/cases cargo test -p tensc-emulator --test worked
    python3 runtime/emulator/tests/on_gpu.py /tmp/cases

Each case is a module with a kernel `k(in, out)`, its input words and the words the emulator left. Instructions that
the ISA gives an error bound (`.approx`, `.full`) are listed apart: there a difference is no mistake. Needs libcuda
and a GPU of compute capability 9.0, nothing else.
"""

import ctypes
import json
import pathlib
import re
import sys

INEXACT = re.compile(r"\.(approx|full)\b")


class Gpu:
    def __init__(self):
        try:
            self.driver = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            sys.exit(f"no CUDA driver: {error}")
        self.call("cuInit", 0)
        device = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), device)
        self.call("cuCtxSetCurrent", self.context)

    def call(self, name, *arguments):
        code = getattr(self.driver, name)(*arguments)
        if code != 0:
            text = ctypes.c_char_p()
            self.driver.cuGetErrorName(code, ctypes.byref(text))
            raise RuntimeError(f"{name}: {(text.value or b'?').decode()}")

    def buffer(self, words):
        address = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(4 * max(1, len(words))))
        if words:
            data = (ctypes.c_uint32 * len(words))(*words)
            self.call("cuMemcpyHtoD_v2", address, data, ctypes.c_size_t(4 * len(words)))
        return address

    def run(self, case):
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(module), case["ptx"].encode())
        self.call("cuModuleGetFunction", ctypes.byref(function), module, b"k")
        source, target = self.buffer(case["input"]), self.buffer([0] * len(case["output"]))
        pointers = (ctypes.c_void_p * 2)(
            ctypes.cast(ctypes.byref(source), ctypes.c_void_p), ctypes.cast(ctypes.byref(target), ctypes.c_void_p)
        )
        threads = ctypes.c_uint(case["threads"])
        one, zero = ctypes.c_uint(1), ctypes.c_uint(0)
        self.call("cuLaunchKernel", function, one, one, one, threads, one, one, zero, None, pointers, None)
        self.call("cuCtxSynchronize")
        words = (ctypes.c_uint32 * len(case["output"]))()
        self.call("cuMemcpyDtoH_v2", words, target, ctypes.c_size_t(4 * len(case["output"])))
        for buffer in (source, target):
            self.call("cuMemFree_v2", buffer)
        self.call("cuModuleUnload", module)
        return list(words)


def main(folder):
    cases = sorted(pathlib.Path(folder).glob("*.json"))
    if not cases:
        sys.exit(f"no cases in {folder}")
    gpu = Gpu()
    wrong, bounded = [], []
    for path in cases:
        case = json.loads(path.read_text())
        found = gpu.run(case)
        if found != case["output"]:
            (bounded if INEXACT.search(case["ptx"]) else wrong).append((path.name, case, found))
    for title, items in (("DIFFERENT", wrong), ("different within a bound of the ISA", bounded)):
        for name, case, found in items:
            pairs = [(i, a, b) for i, (a, b) in enumerate(zip(case["output"], found)) if a != b]
            print(f"{title}: {name}")
            for index, emulator, device in pairs[:4]:
                print(f"  word {index}: emulator {emulator:08x}, GPU {device:08x}")
    print(f"{len(cases)} cases, {len(wrong)} different, {len(bounded)} different within a bound")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
