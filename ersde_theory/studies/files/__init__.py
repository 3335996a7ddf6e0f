"""Descriptions of studies."""
