"""Latency tables that are measured on this machine with ONNX Runtime: parts of networks, and whole ones."""
