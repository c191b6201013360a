"""workbench: a terminal workbench for local AI."""

__version__ = "0.1.0"
