"""What a store holds, for other tools: a table (Parquet, CSV), episodes (Minari), an Optuna study; and back.

Every export carries its manifest: what was searched, how, with which versions, settings and seed.
"""

from cosearch.export.formats import FORMATS, write_studies
from cosearch.export.loading import load_studies

__all__ = ["FORMATS", "load_studies", "write_studies"]
