"""The conformance kit for plugin authors: checks of problems, agents and backends, like `check_env`.

Each runs many small checks and raises a `ConformanceError` at the first that fails, which says what is
wrong and what was expected. Every built-in problem, agent and backend passes them in cosearch's own tests.

Example:
    ```python
    from cosearch.testing import check_agent, check_backend, check_problem

    def test_my_plugin():
        check_problem(Sphere())
        check_agent(MyAgent)
        check_backend(MyBackend)
    ```
"""

from cosearch.testing.agents import Landscape, check_agent, landscapes
from cosearch.testing.backends import check_backend
from cosearch.testing.conformance import ConformanceError
from cosearch.testing.problems import check_problem

__all__ = ["ConformanceError", "Landscape", "check_agent", "check_backend", "check_problem", "landscapes"]
