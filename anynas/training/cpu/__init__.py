"""Training on a CPU: small networks as tapes of compiled loops and products of matrices, one thread a trial."""
