"""What the service shows, apart from how it is stored. Money in whole currency, two decimals at most."""
