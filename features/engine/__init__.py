"""The engine: a bucket's tables cut in time, weekly tiles and balances, from which every window follows."""
