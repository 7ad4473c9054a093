"""Networks written for use elsewhere, and used again: Python, torch, ONNX, torchvision; images classified."""
