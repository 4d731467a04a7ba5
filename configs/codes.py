"""The codes of a published run, in words: why a customer has no score, and what was decided of the others."""

# Why a customer is not in the cohort, in the order in which the codes are tried.
EXCLUSION_CODES: dict[str, str] = {
    "not_yet_customer": "opened on or after the snapshot, or not yet known to the bank's systems",
    "closed": "closed by the bank's own record",
    "deceased_or_frozen": "deceased or frozen by the bank's own record",
    "staff": "works for the bank",
    "no_history": "no holding and no booking before the snapshot",
    "too_new": "a customer for less than cohort.min_tenure_weeks",
    "below_bounds": "average AUM below cohort.min_aum",
    "above_bounds": "average AUM at or above cohort.max_aum",
    "already_left": "had already left before the snapshot, by the measure of the bank's definition",
}

# The decisions about a cohort customer of a run, with their reasons, in the order in which they are tried.
DECISIONS: dict[str, dict[str, str]] = {
    "opted_out": {
        "by_bank": "the bank's own record says that the customer wants no calls",
        "by_contact": "told a manager so, as an outcome recorded here",
    },
    "in_campaign": {
        "member": "a campaign's audience holds the customer, or one of the household, and its outcome is open"
    },
    "too_often": {"most_contacts": "was contacted on lists.most_contacts days within lists.contact_weeks"},
    "cooled_down": {
        "contacted": "was reached less than lists.cool_down_weeks ago, and nothing came up since",
        "household_contacted": "another member of the household was, and lists.household_cool_down is set",
    },
    "do_not_disturb": {
        "harms": "by the bank's own outcomes a contact makes customers like this one likelier to leave"
    },
    "not_paying": {
        "keeps_less": "a contact is expected to keep less than it costs, or less than lists.least_value"
    },
    "household": {
        "one_call": "another member of the household is listed, in whose case a call keeps more",
        "held_out": "another member of the household would be listed, but is in the control group",
    },
    "held_out": {
        "drawn": "would be listed, but is in the control group, so that the effect of calls can be measured"
    },
    "listed": {
        "follow_up": "is to be called again in this week, or was in one of the four before and nobody did",
        "most_to_keep": "among those in whose case a call keeps most money",
        "stays": "was listed the week before, and nobody else is better by more than lists.stay_places",
    },
    "beyond_capacity": {
        "less_to_keep": "the manager's time goes to customers in whose case a call keeps more",
        "edge": "ahead of somebody listed the week before, but not by a margin that takes that one off",
    },
}
