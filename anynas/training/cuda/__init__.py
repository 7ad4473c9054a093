"""A GPU's engine: the whole step is recorded once and played again, with nothing left to do for the host."""
