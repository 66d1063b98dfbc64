"""Surrogates: models that learn a problem from its recorded evaluations and answer in its place.

| file | what it is |
|---|---|
| `surrogate.py` | a surrogate: what it was trained on, its models, what it predicts, what it has not seen |
| `training.py` | makes one of the studies of a store |
| `examination.py` | how good it is on designs that it has not seen |
| `diversity.py` | whether data of several agents teach more than data of one |
| `attached.py` | a surrogate as a fidelity of its problem |
| `file.py` | the file that it is kept in |
| `inputs.py`, `scaling.py`, `outside.py`, `validity.py` | designs and metrics as models see them |
| `boosting.py`, `forest.py`, `gaussian_process.py`, `network.py` | the models |
| `transfer.py` | another device from a few of its measurements |
"""
