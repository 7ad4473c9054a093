"""bfloat16: which networks are trained in it, and copies of their weights to multiply with.

Weights, batch norms, losses and the optimiser stay float32; activations, and the weights that multiply them, are
bfloat16. That is what torch's autocast computes, but a network's weights are converted by one launch rather than by one
each, since small networks wait for launches.
"""

import torch
from torch import Tensor, nn

TENSOR_CORES_SINCE = (8, 0)  # compute capability that has bfloat16
LEAST_GROUP_WIDTH = 8  # channels per group, below which matrix units stand idle


def precision_of(device: torch.device, network: nn.Module) -> torch.dtype:
    """Return the data type of a network's activations: a function of the device's kind and of the network alone.

    bfloat16 on GPUs that multiply it in matrix units, for networks whose convolutions all have at least 8 channels a
    group, but for the first, which sees the images' channels; float32 for the rest. It is a rule by what the hardware
    offers: `benchmarks/gpu.py` measures both for every network, to confirm or replace it.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < TENSOR_CORES_SINCE:
        return torch.float32
    return torch.bfloat16 if suits_narrow(network) else torch.float32


def suits_narrow(network: nn.Module) -> bool:
    """Return whether all convolutions but the first have at least 8 channels a group."""
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    return all(conv.in_channels // conv.groups >= LEAST_GROUP_WIDTH for conv in convolutions[1:])


class NarrowWeights:
    """Copies of the weights and biases of all convolutions and linear layers, which take their place in a call.

    Args:
        network: On its device; its parameters stay the masters.
        precision: Of the copies.
    """

    def __init__(self, network: nn.Module, precision: torch.dtype) -> None:
        masters = {
            f"{path}.{name}" if path else name: parameter
            for path, module in network.named_modules()
            if isinstance(module, (nn.Conv2d, nn.Linear))
            for name, parameter in module.named_parameters(recurse=False)
        }
        self.weights = {name: p.detach().to(precision).requires_grad_() for name, p in masters.items()}
        self._masters: list[Tensor] = list(masters.values())
        self._copies = list(self.weights.values())
        self._gradients = [torch.zeros_like(master) for master in self._masters]

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the masters."""
        torch._foreach_copy_(self._copies, self._masters)

    @torch.no_grad()
    def hand_back_gradients(self) -> None:
        """Give the masters the copies' gradients, in float32; a copy without one counts as zero."""
        found = [copy.grad if copy.grad is not None else torch.zeros_like(copy) for copy in self._copies]
        torch._foreach_copy_(self._gradients, found)
        for master, gradient in zip(self._masters, self._gradients, strict=True):
            master.grad = gradient

    def forget_gradients(self) -> None:
        """Let go of the copies' gradients."""
        for copy in self._copies:
            copy.grad = None
