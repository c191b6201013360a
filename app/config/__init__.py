"""Layered settings: defaults, the user's file, the program's file, the environment, the command line."""
