"""The family of a bank's own attributes: a feature per declared category, as known before each snapshot."""

import numpy as np

from features.catalogue.entries import category_name
from features.engine.activity import Bucket
from features.engine.cut import value_as_of
from features.engine.tiles import Columns


def attributes(bucket: Bucket) -> Columns:
    """1 where the customer has the category, 0 where another or one that is not declared, NaN where none."""
    entities, snapshots = bucket.entities, bucket.calendar.snapshots
    records = entities.tables["customers"]
    for attribute in bucket.settings.features.attributes:
        if not len(entities):  # the catalogue asks a bank without rows for its names
            code = np.zeros((len(snapshots), 0), np.int64)
            labels: tuple[str, ...] = ()
        else:
            column, labels = records.columns[attribute.name], records.labels[attribute.name]
            code = value_as_of(records, snapshots, len(entities), column, -1)
        for category in attribute.categories:
            held = [k for k, label in enumerate(labels) if label.strip() == category.strip()]
            yield category_name(attribute.name, category), np.where(code < 0, np.nan, np.isin(code, held))
