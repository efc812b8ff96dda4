"""The command line's verbs under injected faults, and the laws that hold after each."""
