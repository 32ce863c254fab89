"""The daemon around the rules: everything that has an effect. Each third-party library is imported by one module."""

__version__ = "0.1.0"
