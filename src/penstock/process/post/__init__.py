"""Posting: what depends on money and on earlier commands. Sequential kernels, one file per family of commands."""
