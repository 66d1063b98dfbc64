"""Embedded tables of measured networks and the predictors fitted from them; README.md says whose they are.

`python -m cosearch_simulators.networks.data.build_embedded FOLDER` makes all files from the published tables.
"""
