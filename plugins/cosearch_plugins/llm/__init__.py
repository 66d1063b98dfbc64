"""Problems of serving language models."""
