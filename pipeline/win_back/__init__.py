"""Former customers: who may come back, with what chance and how much money."""
