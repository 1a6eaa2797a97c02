#!/bin/sh
# Makes the PTX with clang 19 (Debian's clang-19; no CUDA needed) and the golden files with NumPy.
set -e
cd "$(dirname "$0")"
# Without optimisation: everything through local memory and generic addresses.
for level in 2 0; do
  clang-19 -x cuda --cuda-gpu-arch=sm_80 --cuda-device-only -nocudainc -nocudalib -O$level -S \
    -Xclang -target-feature -Xclang +ptx80 -o kernels.O$level.ptx kernels.cu
done
python3 golden.py
