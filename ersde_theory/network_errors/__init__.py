"""The errors of samplers on a real network: what ``ersde measure`` measures."""
