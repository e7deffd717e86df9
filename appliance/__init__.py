"""The sorting appliance: pictures in, one decision an item, one confirmed movement a decision."""

__all__ = ["__version__"]

__version__ = "0.1.0"
