# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A bank's model, from features to one customer
#
# Run it from the project's folder after `make demo`. Open this file in an editor that knows cells, or make a
# notebook of it: `jupytext --to ipynb docs/notebooks/model.py`.

# %%
import os

import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

import pipeline

bank, data = os.environ.get("BANK", "demo"), os.environ.get("DATA", "data")

# %% [markdown]
# ## The model and rows that it has not seen

# %%
model = pipeline.load_model(bank, data=data)
mondays = model.bundle.snapshots.evaluation
features = pipeline.dataset(bank, mondays, data=data)
print(
    f"model {model.model_id}: {len(model.columns)} features, {len(features):,} rows of {len(mondays)} Mondays"
)

# %% [markdown]
# ## How good it is, out of time

# %%
predicted = model.predict(features)
risk = predicted.filter(like="risk_").iloc[:, -1]  # at the longest horizon
left = features["attrited"].astype(int)
pd.Series(
    {
        "left": left.mean(),
        "predicted": risk.mean(),
        "AUROC": roc_auc_score(left, risk),
        "average precision": average_precision_score(left, risk),
        "leavers in the first 10%": left[risk >= risk.quantile(0.9)].sum() / left.sum(),
    }
).round(3)

# %%
tenths = pd.qcut(risk.rank(method="first"), 10, labels=False) + 1
pd.DataFrame({"predicted": risk, "left": left}).groupby(tenths).mean().round(4)

# %% [markdown]
# ## One customer

# %%
latest = features["snapshot_date"] == max(mondays)
customer = features.loc[[(risk[latest] - risk.quantile(0.95)).abs().idxmin()]]  # a high risk, not the highest
reasons = model.reasons(customer)
reasons[["rank", "group", "text_en", "contribution"]]

# %% [markdown]
# What if the feature behind the first reason stood where it stands for most?

# %%
strongest = reasons["feature"].iloc[0]
changed = customer.copy()
if strongest in model.columns:
    changed[strongest] = features.loc[latest, strongest].median()
pd.concat([model.predict(customer), model.predict(changed)], keys=["as it is", "changed"]).round(4)
