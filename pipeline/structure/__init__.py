"""The structure of the customers on each Monday, and how it moves: what branches and head office see."""
