"""Ablating: the features as a matrix, and what each group of them earns."""
