#!/bin/sh
# Makes kernels.ptx with clang 19 (Debian's clang-19; no CUDA needed) and the golden files with NumPy.
set -e
cd "$(dirname "$0")"
clang-19 -x cuda --cuda-gpu-arch=sm_80 --cuda-device-only -nocudainc -nocudalib -O2 -S \
  -Xclang -target-feature -Xclang +ptx80 -o kernels.ptx kernels.cu
python3 golden.py
