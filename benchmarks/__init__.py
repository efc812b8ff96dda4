"""What is fast or slow, and how well something does: figures for the docs, each from one program."""
