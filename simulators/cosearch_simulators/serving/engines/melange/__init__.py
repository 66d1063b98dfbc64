"""Melange's simplified model: sizes of requests as slices of load, instances as bins (arXiv 2404.14527)."""
