"""Makes the tables in datasets/: invented, so free to share, yet with the troubles of real ones.

    python scripts/make_datasets.py

Needs Python alone. The same bytes on every machine: only Random.random() is drawn from, and numbers are rounded.
Prints the SHA-256 of each file, as datasets/SOURCES.md lists them.
"""

import csv
import datetime
import hashlib
import math
import random
from pathlib import Path

DATASETS = Path(__file__).resolve().parent.parent / "datasets"


class Draw:
    """Draws from one seeded stream."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def below(self, n):
        return int(self.random() * n)

    def one_of(self, values, weights=None):
        weights = weights or [1] * len(values)
        point = self.random() * sum(weights)
        for value, weight in zip(values, weights):
            point -= weight
            if point < 0:
                return value
        return values[-1]

    def normal(self):
        return sum(self.random() for _ in range(12)) - 6

    def chance(self, probability):
        return self.random() < probability


def logistic(x):
    return 1 / (1 + math.exp(-x))


def write(name, header, rows):
    path = DATASETS / name
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    content = path.read_bytes()
    print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(rows)} rows, {len(content)} bytes")


GOOD_NOTES = [
    "works well, no complaints",
    "love the new dashboard",
    "support answered within minutes",
    "easy to set up, the team uses it daily",
    "great value for what we pay",
]
BAD_NOTES = [
    "too expensive for what it does",
    "app keeps crashing since the update",
    "waited three days for an answer",
    "looking at other providers",
    "billing was wrong again",
]
DULL_NOTES = ["asked for an invoice copy", "changed the account owner", "wants a demo of reports", "moved office"]


def customer(draw, number):
    plan = draw.one_of(["basic", "plus", "pro", "enterprise"], [45, 30, 18, 7])
    country = draw.one_of(["Germany", "France", "Spain", "Italy", "Poland", "Sweden", "Ireland"], [24, 20, 15, 14, 12, 8, 7])
    payment = draw.one_of(["card", "invoice", "direct debit", "wallet"], [50, 20, 22, 8])
    months = 1 + draw.below(48)
    signup = datetime.date(2025, 6, 30) - datetime.timedelta(days=30 * months + draw.below(30))
    seats = max(1, round({"basic": 2, "plus": 5, "pro": 12, "enterprise": 60}[plan] * math.exp(0.5 * draw.normal())))
    fee = round({"basic": 9, "plus": 19, "pro": 39, "enterprise": 59}[plan] * seats * (1 - 0.1 * draw.below(3)), 2)
    hours = round(seats * math.exp(1.1 + 0.8 * draw.normal()), 1)
    tickets = draw.below(4) if draw.chance(0.6) else draw.below(12)
    idle = int(math.exp(1.2 + 1.1 * draw.normal()))
    login = datetime.datetime(2025, 6, 30, 9) - datetime.timedelta(days=idle, minutes=draw.below(600))
    mood = draw.normal()
    risk = -1.9 + 0.9 * math.log1p(idle) - 0.55 * math.log1p(hours / seats) + 0.16 * tickets - 0.9 * mood
    risk += 0.9 * (payment == "wallet") - 0.8 * (payment == "direct debit") - 0.03 * months
    risk += 0.7 * (plan == "basic") - 0.9 * (plan == "enterprise") + 0.8 * (tickets > 6 and plan != "basic")
    notes = GOOD_NOTES if mood > 0.7 else BAD_NOTES if mood < -0.7 else DULL_NOTES
    note = draw.one_of(notes) if draw.chance(0.7) else ""
    if note and draw.chance(0.4):
        note += "; " + draw.one_of(DULL_NOTES)
    churned = "yes" if draw.chance(logistic(2.2 * risk)) else "no"
    return [
        f"C{10000 + number}",
        signup.isoformat(),
        country,
        plan,
        payment if draw.chance(0.95) else "",
        seats,
        f"{fee:.2f}",
        hours if draw.chance(0.92) else "NA",
        tickets,
        login.isoformat(sep=" "),
        note,
        churned,
    ]


def make_churn():
    header = ["customer_id", "signup_date", "country", "plan", "payment_method", "seats", "monthly_fee", "usage_hours"]
    header += ["support_tickets", "last_login", "last_note", "churned"]
    draw = Draw(20250630)
    customers = [customer(draw, number) for number in range(1500)]
    write("churn.csv", header, customers[:1200])
    write("churn_test.csv", header, customers[1200:])


EXTRAS = [
    ("balcony to the south", 0.04),
    ("newly renovated kitchen", 0.06),
    ("quiet side street", 0.02),
    ("next to the motorway", -0.07),
    ("needs some work", -0.12),
    ("parking space included", 0.05),
    ("view over the river", 0.09),
    ("shared laundry room", -0.01),
]


def flat(draw, number):
    districts = {"Harbour": 0.28, "Old Town": 0.22, "Station": 0.05, "Northgate": 0.0, "Meadows": -0.06, "Mill Hill": -0.15}
    district = draw.one_of(list(districts), [12, 18, 25, 20, 15, 10])
    rooms = draw.one_of([1, 2, 3, 4, 5], [18, 34, 28, 14, 6])
    area = round(rooms * 22 * math.exp(0.16 * draw.normal()) + 12, 1)
    floor = draw.below(7)
    lift = draw.chance(0.5)
    built = draw.one_of([1905, 1928, 1956, 1972, 1989, 2004, 2018]) + draw.below(12)
    heating = draw.one_of(["gas", "district", "heat pump", "oil"], [40, 35, 15, 10])
    listed = datetime.date(2023, 1, 1) + datetime.timedelta(days=draw.below(900))
    extras = [extra for extra in EXTRAS if draw.chance(0.25)]
    level = 2.75 + districts[district] + sum(effect for _, effect in extras) - 0.05 * rooms
    level += 0.03 * (floor if lift else -floor) + 0.10 * (built > 2003) - 0.05 * (1950 < built < 1985)
    level += {"gas": 0, "district": 0.02, "heat pump": 0.08, "oil": -0.06}[heating]
    level += 0.05 * (listed - datetime.date(2023, 1, 1)).days / 365
    rent = area * math.exp(level + 0.07 * draw.normal())
    text = ", ".join(name for name, _ in extras)
    return [
        number + 1,
        listed.strftime("%d.%m.%Y"),
        district,
        rooms,
        f"{area:.1f}",
        floor if draw.chance(0.97) else "",
        "yes" if lift else "no",
        built if draw.chance(0.85) else "?",
        heating if draw.chance(0.9) else "",
        text,
        round(rent / 5) * 5,
    ]


def make_rents():
    header = ["listing", "listed_on", "district", "rooms", "area_m2", "floor", "lift", "year_built", "heating"]
    header += ["description", "rent_eur"]
    draw = Draw(19990401)
    write("rents.csv", header, [flat(draw, number) for number in range(900)])


QUEUES = {
    "billing": ["charged twice", "invoice is missing", "refund for last month", "wrong amount on the bill", "card was declined"],
    "technical": ["page does not load", "error after the update", "export stops half way", "app crashes on start", "sync is stuck"],
    "account": ["cannot log in", "reset my password", "add a colleague", "change my email address", "close my account"],
    "sales": ["price for ten seats", "is there a discount", "trial for our school", "compare the plans", "demo next week"],
}
OPENINGS = ["hello,", "hi team,", "urgent:", "good morning,", "question:", ""]
CLOSINGS = ["please help", "thanks", "since yesterday", "for our company", "as soon as possible", ""]


def ticket(draw, number):
    queue = draw.one_of(list(QUEUES), [30, 40, 20, 10])
    other = draw.one_of(list(QUEUES))
    topic = draw.one_of(QUEUES[queue if draw.chance(0.88) else other])
    words = [draw.one_of(OPENINGS), topic, draw.one_of(CLOSINGS)]
    channel = {"billing": [5, 2, 2], "technical": [3, 5, 2], "account": [3, 3, 3], "sales": [2, 1, 6]}[queue]
    opened = datetime.datetime(2025, 3, 1) + datetime.timedelta(minutes=draw.below(60 * 24 * 60))
    return [
        f"T-{number + 1:05d}",
        opened.strftime("%Y-%m-%dT%H:%M:%S"),
        draw.one_of(["email", "chat", "phone"], channel),
        draw.one_of(["free", "paid"], [1, 1] if queue != "billing" else [1, 6]),
        len(" ".join(words)) + draw.below(300),
        " ".join(word for word in words if word),
        queue,
    ]


def make_tickets():
    header = ["ticket", "opened_at", "channel", "customer", "n_characters", "subject", "queue"]
    draw = Draw(31415926)
    write("tickets.csv", header, [ticket(draw, number) for number in range(600)])


def make_demand():
    draw = Draw(27182818)
    start = datetime.datetime(2025, 1, 6)
    rows, drift = [], 0.0
    for hour in range(24 * 42):
        day, of_day = hour // 24, hour % 24
        drift = 0.97 * drift + 0.6 * draw.normal()
        morning = math.exp(-((of_day - 8) ** 2) / 8)
        evening = math.exp(-((of_day - 19) ** 2) / 10)
        works = day % 7 < 5
        homes = 52 + 14 * evening + 6 * morning + (0 if works else 5) + drift
        offices = 30 + (24 if works else 4) * math.exp(-((of_day - 13) ** 2) / 24) + 0.5 * drift
        north = f"{homes + 0.8 * draw.normal():.2f}"
        south = f"{offices + 0.8 * draw.normal():.2f}"
        at = start + datetime.timedelta(hours=hour)
        rows.append([at.strftime("%Y-%m-%d %H:%M:%S"), north, south if draw.chance(0.995) else ""])
    write("demand.csv", ["at", "north_mw", "south_mw"], rows)


if __name__ == "__main__":
    DATASETS.mkdir(exist_ok=True)
    make_churn()
    make_rents()
    make_tickets()
    make_demand()
