"""Finds and loads plugins: the bundled ones, and files of hooks in the profile."""
