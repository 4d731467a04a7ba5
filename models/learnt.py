"""What training learns beside the trees: it adds columns to the features, in training and in scoring."""

from dataclasses import dataclass, field

import pandas as pd

from configs.settings import SILENCE
from models.alive import Alive
from models.peers import Peers


@dataclass(frozen=True)
class Learnt:
    """The means of the peers, and the rhythm in which customers book; None: no column is made of it."""

    peers: Peers = field(default_factory=Peers)
    alive: Alive | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that ``extended`` adds."""
        return (*self.peers.names, *([SILENCE] if self.alive else []))

    def extended(self, features: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
        """``features`` with the deviations from the peers and the probability of silence as further columns.

        ``cohort`` has the same rows.
        """
        frame = self.peers.extended(features, cohort)
        return frame.assign(**{SILENCE: self.alive.of(cohort)}) if self.alive else frame
