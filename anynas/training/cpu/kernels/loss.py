"""The loss of a batch and its gradient."""

import numpy as np
from numba import float64, int64, void

from anynas.training.cpu.kernels.compiling import LINE, MATRIX, compiled


@compiled(void(MATRIX, int64[::1], MATRIX, LINE, float64))
def cross_entropy(logits, labels, logits_grad, losses, smoothing):  # type: ignore[no-untyped-def]
    """Loss of each image (N,) and the gradient of their mean, from logits (K, N); labels are smoothed."""
    classes, batch = logits.shape
    for n in range(batch):
        largest = logits[0, n]
        for k in range(1, classes):
            largest = max(largest, logits[k, n])
        total = 0.0
        for k in range(classes):
            total += np.exp(logits[k, n] - largest)
        log_total = np.log(total) + largest
        loss = 0.0
        for k in range(classes):
            wanted = smoothing / classes + (1.0 - smoothing if k == labels[n] else 0.0)
            loss += wanted * (log_total - logits[k, n])
            logits_grad[k, n] = (np.exp(logits[k, n] - log_total) - wanted) / batch
        losses[n] = loss
