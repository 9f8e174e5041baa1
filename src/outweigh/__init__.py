"""Class weights for neural networks on rare classes, weighed honestly."""

__version__ = "0.1.0"
