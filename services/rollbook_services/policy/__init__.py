"""Under which conditions may a promotion go ahead?"""
