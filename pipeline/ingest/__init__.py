"""From the bank's raw files to bucketed tables: every row loaded, refused with a reason, or a duplicate."""
