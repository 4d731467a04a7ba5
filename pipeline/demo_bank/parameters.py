"""Every share, rate and hazard of the made-up bank, with its unit. Change the bank here and nowhere else.

Rates are per week unless said otherwise; money is in yuan; a *share* lies in [0, 1].
"""

from typing import NamedTuple


class Shock(NamedTuple):
    """A sudden reason to leave: ``hazard`` while it is fresh, ``decay`` times that after each week."""

    rate: float
    decay: float
    hazard: float


# --- Who there is -------------------------------------------------------------------------------------
# Three segments by wealth: share of customers, median AUM (yuan), spread (log-normal sigma), bounds (yuan).
SEGMENTS = (
    (0.35, 130_000.0, 0.80, 5_000.0, 460_000.0),
    (0.57, 1_300_000.0, 0.55, 560_000.0, 4_600_000.0),
    (0.08, 8_000_000.0, 0.45, 5_400_000.0, 40_000_000.0),
)
MANAGED_SHARE = (0.45, 0.80, 0.97)  # share with a manager, by segment
NEW_SHARE = 0.25  # share of customers who open during the period
STAFF_SHARE = 0.012
OPT_OUT_SHARE = 0.03
DOLLAR_SHARE = 0.04  # share with a USD account
LOAN_SHARE = 0.10
SALARY_SHARE = 0.45
COUPLE_SHARE = 0.20  # share of customers who live with another one
ONE_MANAGER_SHARE = 0.70  # share of them who are in the order of their managers' portfolios: most have one
CUSTOMERS_PER_BRANCH = 2_500
CUSTOMERS_PER_MANAGER = 220

# --- What they do in an ordinary week -------------------------------------------------------------------
CARD_RATE = 0.105  # mean card bookings, log-normal over customers
TRANSFER_RATE = 0.045  # each of: in, out
SMALL_TRANSFER_RATE = 0.025  # each of: to a person, from a person
CASH_RATE = 0.020  # each of: in, out
TRANSFER_SIZE = 0.035  # median transfer as a share of the customer's usual AUM
SWEEP_CHANCE = 0.35  # surplus cash is put into a product
ROLLOVER_CHANCE = 0.90  # a matured product is bought again in the same week
SPENDING_RATE = 0.0012  # one large expense, 10–45% of AUM, without leaving
DETOUR_RATE = 0.0012  # 20–45% of AUM goes elsewhere for two to some eight weeks, and comes back
DETOUR_RETURN_CHANCE = 0.30
RUSH_SHARE = 0.04  # share of customers who bring money for the last days of a quarter
LOGIN_RATE = 0.20  # mean weeks with a login, beta-like over customers
VIEW_RATES_RATE = 0.012  # ordinary looks at the rate page, times rate sensitivity
CONTACT_RATE = 0.065  # mean ordinary contacts of a managed customer
SURVEY_RATE = 0.030  # questionnaires, among the customers who answer at all
SURVEY_SHARE = (0.30, 0.40, 0.55)  # who answer at all, by segment; times:
SURVEY_AGE = (0.6, 1.0, 1.7)  # born after YOUNG_BORN_AFTER, in between, before OLD_BORN_BEFORE
YOUNG_BORN_AFTER, OLD_BORN_BEFORE = 1985, 1965
ITEM_SKIPPED = 0.03  # items of a questionnaire left out
LATE_SHARE = 0.01  # rows known 3 to 28 days after they happened
NEXT_DAY_SHARE = 0.30  # bookings known the next day instead of the same
FROZEN_RATE = 0.00002
DECEASED_RATE = 0.00002
OPT_OUT_RATE = 0.0004
PARTING_RATE = 0.0004  # couples

# --- How satisfied they are --------------------------------------------------------------------------
# By factor: what it weighs in overall satisfaction, and how important customers say it is (scale of 1 to 10).
FACTORS = ("service", "environment", "products", "brand", "manager")
OVERALL_WEIGHTS = (0.30, 0.04, 0.20, 0.12, 0.45)
STATED_IMPORTANCE = (7.4, 6.8, 8.6, 6.2, 7.9)
FACTORS_IN_COMMON = 0.30  # share of a factor's variance that is the customer's satisfaction in general
BAD_SERVICE_BRANCH, BAD_SERVICE = 2, -1.2  # the third branch, and how much worse: standard deviations
ANSWER_LEVEL, ANSWER_SPREAD, ANSWER_NOISE = 7.3, 1.3, 0.9  # points of the scale
OLD_ANSWER = 0.5  # points that the old give more

# --- Shocks that give a reason to leave --------------------------------------------------------------------
MANAGER_LEAVES = Shock(rate=0.0040, decay=0.90, hazard=0.028)
COMPLAINT = Shock(rate=0.0030, decay=0.85, hazard=0.050)
SALARY_STOPS = Shock(rate=0.0022, decay=0.93, hazard=0.040)
SHOCKS = (MANAGER_LEAVES, COMPLAINT, SALARY_STOPS)
VACANCY_WEEKS = (3, 11)  # a seat stays empty for this many weeks, [low, high)
SALARY_START_RATE = 0.0020  # a salary that had stopped comes again

# --- Hazard of starting to look elsewhere: sum of the reasons, times the customer's own multiplier -----
BASE_HAZARD = 0.00030
RATE_HAZARD = 0.0011  # times rate gap, rate sensitivity and the share held in term and wealth products
MATURITY_HAZARD = 0.18  # once, in the week of a maturity, times (maturing share of AUM) ** 1.5 × sensitivity
HAZARD_CAP = 0.6
SATISFACTION_EFFECT = -0.35  # log-multiplier for one standard deviation of satisfaction
SERVICE_EFFECT = -0.40  # the same for what is special about the service that the customer gets
TIE_MULTIPLIER = (2.8, 2.8, 1.8, 0.9, 0.5, 0.3)  # by number of product classes held: 0, 1, 2, …, 5 and more
COVERAGE_MULTIPLIER = (1.5, 0.7)  # rarely contacted, well looked after
LIFE_EVENT_HAZARD = 0.00030  # house, school abroad, …: no signal, the same for everybody

# --- From looking to leaving -------------------------------------------------------------------------------
GO_CHANCE = 0.15  # a looking customer starts to drain
CALM_CHANCE = 0.09  # a looking customer stays after all
TEST_TRANSFER_CHANCE = 0.60  # while looking: 1–5% of AUM goes elsewhere
LOOKING_REDEEM_CHANCE = 0.25  # while looking: a product is redeemed into cash
LOOKING_VIEW_CHANCE = 0.70  # while looking: the rate page is opened
LOOKING_LOGIN_CHANCE = 0.85
LOOKING_SALARY_STOP_CHANCE = 0.06
DRAIN_WEEKS = ((2, 0.30), (3, 0.30), (4, 0.25), (5, 0.15))  # length of a drain and its probability
LIFE_EVENT_WEEKS = ((1, 0.6), (2, 0.4))
DRAIN_SHAPE = 1.3  # share gone after k of n weeks is depth × (k / n) ** shape: small first, then most
DRAIN_DEPTH = (0.72, 0.97)  # share of AUM that goes
ABORT_CHANCE = 0.03  # a drain stops half-way
RETURN_CHANCE = 0.018  # the money comes back after all, in each of the weeks after the drain
AWAY_WEEKS = 10  # after that the customer has settled elsewhere
CLOSE_CHANCE = 0.35  # a settled customer closes the account
SALARY_FOLLOWS_CHANCE = 0.70  # the salary goes with the money

# --- Coming back later, of those who settled elsewhere without closing -----------------------------------
SETTLED_WEEKS = 4  # nobody in the first weeks: the label of their leaving may still see them
COME_BACK_CHANCE = 0.013  # then, times:
COME_BACK_REASON = (1.0, 1.4, 2.5, 1.4, 0.25, 0.5, 0.1)  # why they left, in the order of hazards.REASONS
COME_BACK_SATISFACTION = 0.45  # log-multiplier for one standard deviation of satisfaction in the first life
COME_BACK_CLASSES = 0.25  # the same for each product class liked more than three
COME_BACK_NEW = 0.4  # whoever opened the account within the period
COME_BACK_CALLED = 2.0  # while an answered call works
COME_BACK_HALF_LIFE = 40.0  # weeks
COME_BACK_PART = (0.7, 1.0)  # of what left

# --- Calls ------------------------------------------------------------------------------------------
# What a call can do hangs on why the customer would leave (docs/lists.md). By reason, in the order of
# hazards.REASONS: share of customers whom a call helps, and share whom it harms; the others do not mind it.
ANSWER_CHANCE = 0.70
CALL_HELPS = (0.25, 0.55, 0.35, 0.50, 0.45, 0.08, 0.0)
CALL_HARMS = (0.10, 0.02, 0.08, 0.02, 0.05, 0.02, 0.0)
CALL_FACTOR = (1.0, 0.35, 1.7)  # on hazards and on GO_CHANCE: no effect, helps, harms
CALL_WEEKS = 8  # an answered call works for this long
HARM_FACTOR = 3.0  # the same for one customer in ten, in the world of `make bench-calls` in which calls harm

# --- Offers, grades of risk, and a class that one branch does not sell -------------------------------------
OFFER_SHARE = 0.5  # share of a quarter's offers that pay more than the shelf
OFFER_EXTRA = 0.006  # and by how much at most, a year
RISK_GRADES = (0.12, 0.25, 0.35, 0.20, 0.08)  # share of customers by grade, 1 to 5
GRADED_SHARE = 0.93  # of the customers; the grade of the others is not known
GAP_BRANCH, GAP_SEGMENT = 2, 1  # their customers hold no wealth products, until these are offered to them
GAP_OFFER_WEEKS = 30  # before the end of the period the offer begins
GAP_OFFER_EXTRA = 0.008  # interest beyond the shelf's, a year
GAP_OFFER_CHANCE = 0.08  # a week, that one of them takes the offer
GAP_OFFER_PART = 0.6  # with this share of the demand account

# --- Noise: bad rows, as shares of a table's rows ------------------------------------------------
NOISE_SHARE = 0.0005
