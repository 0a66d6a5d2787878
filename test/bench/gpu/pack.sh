#!/usr/bin/env bash
# An archive for a Linux machine (x86-64, glibc 2.34 or newer) without a network: Node itself, nmc, Dawn's and ONNX
# Runtime's binaries, and the measurement. About 80 MB.
#   npm run build && bash test/bench/gpu/pack.sh nmc-gpu.tar.gz
# There:  tar xzf nmc-gpu.tar.gz && cd nmc-gpu && ./node test/bench/gpu/run.mjs
# The GPU's own Vulkan driver and the loader libvulkan.so.1 have to be there.
set -eu
out=$(realpath -m "${1:-nmc-gpu.tar.gz}")
cd "$(dirname "$0")/../../.."
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
to=$folder/nmc-gpu; mkdir -p "$to/test/bench" "$to/node_modules/webgpu/dist" "$to/node_modules/onnxruntime-node/bin/napi-v6/linux"
cp "$(readlink -f "$(command -v node)")" "$to/node"
cp -r package.json dist stdlib spec dsl-examples LICENSE "$to"
cp -r test/bench/gpu "$to/test/bench/gpu"
cp node_modules/webgpu/{package.json,index.js,LICENSE.md} "$to/node_modules/webgpu"
cp -r node_modules/webgpu/dist/linux-x64 "$to/node_modules/webgpu/dist"
cp -r node_modules/onnxruntime-node/{package.json,dist} "$to/node_modules/onnxruntime-node"
cp -r node_modules/onnxruntime-node/bin/napi-v6/linux/x64 "$to/node_modules/onnxruntime-node/bin/napi-v6/linux"
cp -r node_modules/onnxruntime-common "$to/node_modules"
tar czf "$out" -C "$folder" nmc-gpu
echo "$out: $(du -h "$out" | cut -f1)"
