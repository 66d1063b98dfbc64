"""Problems of a platform planner: fleets that serve streams of requests under service levels."""
