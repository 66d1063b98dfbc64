"""Networks that are searched: spaces of them as data, their operators for whole batches, their quality."""
