"""Model processes: the wire they speak, the runtime inside them, and the supervision from outside.

This package file imports nothing, because the worker programs import their parts from here and must stay
free of services.
"""
