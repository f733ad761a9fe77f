"""Stores behind the Frontier port."""
