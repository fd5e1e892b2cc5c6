"""The views: folded, followed, rebuilt, compared."""
