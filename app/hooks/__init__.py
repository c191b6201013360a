"""Hooks: code of plugins and people that may change what is about to happen."""
