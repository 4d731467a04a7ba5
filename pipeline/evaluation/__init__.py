"""How good models are and which one may score: judgement, comparison, promotion, and the pages that show it."""
