"""The plan: `matrix.yaml`, its strict reader, the cases it plans, and the rows CI runs."""
