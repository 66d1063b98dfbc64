"""Problems as Gymnasium, MO-Gymnasium and PettingZoo environments.

`registration` gives every problem its Gymnasium ids. `env` and `vector` are the two classes behind an id;
both drive `episodes`, which steps any number of episodes together: a formulation (`oneshot`, `sequential`,
`refine`) turns actions into designs, the problem evaluates them, a reward (`rewards`) scores the outcomes.
`parallel` shares a problem out over several agents.
"""
