"""What may be asked of the lineage view."""
