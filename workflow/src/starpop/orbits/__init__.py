"""One system: its visits, its model, the exact likelihood of its period, its draws, and the PyMC model beside."""
