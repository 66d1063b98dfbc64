"""LLM-Viewer's conventions (commit 472f71f), so that its published numbers can be checked."""
