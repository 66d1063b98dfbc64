"""What a store holds, for other tools: a table (Parquet, CSV), episodes (Minari), an Optuna study; and back.

Every export carries its manifest: what was searched, how, with which versions, settings and seed. `formats`
writes, `loading` reads back. Nothing is imported here: who exports nothing needs only `cells` and `table`.
"""
