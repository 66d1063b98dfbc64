"""Ways to cost a deployment: `ours`, and the conventions of GenZ and of LLM-Viewer."""
