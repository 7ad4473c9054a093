"""All that a worker runs: train one network, evaluate it, and say what it cost."""
