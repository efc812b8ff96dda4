"""What tests and benchmarks plant and draw: altered copies, strange pictures, studies of patients."""
