"""GenZ-LLM-Analyzer's conventions (commit 091bdd0), so that its published numbers can be checked."""
