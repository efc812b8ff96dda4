"""The verbs of the command line, a module for each room; `cli` gathers them.

In: words typed. Out: lines printed. TensorFlow is imported inside a verb, never before.
"""
