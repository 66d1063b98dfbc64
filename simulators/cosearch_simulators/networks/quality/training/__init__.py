"""Quality by real training in PyTorch: data, a recipe, networks trained alone or as parts of a supernet."""
