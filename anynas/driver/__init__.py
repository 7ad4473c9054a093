"""The driver: ask a sampler, submit to an executor, collect in order of completion, record, tell; and resume."""
