"""Measurements of the workbench against peers and floors, each in the same run on the same machine."""
