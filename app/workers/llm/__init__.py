"""The `llm` worker program: one language model, several conversations, served over the worker wire.

The engine (`engine.Engine`) knows nothing of the wire, so that a benchmark or a test can use it directly;
`program` is the glue between the two.
"""
