"""What customers write to the support desk, by split and category.

`{o}` is the order, `{p}` a product, `{a}` an amount, `{d}` days, `{n}` a number. The three splits
share their words and none of their sentences: train is all that pretraining and training see, dev
and test each have wordings of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

Split = Literal["train", "dev", "test"]

COMPLAINTS: Mapping[Split, Mapping[str, Sequence[str]]] = {
    "train": {
        "billing": (
            "I was charged twice for order {o}.",
            "The invoice for {o} shows {a} but I paid less.",
            "Why is there a fee of {a} on my card for order {o}?",
            "Please send me the invoice for order {o}.",
            "My card was charged {a} for the {p} and I do not know why. Order {o}.",
            "The discount code was not applied to order {o}, I paid {a}.",
            "I see a double payment of {a} for {o}.",
            "The tax on my bill for {o} is wrong.",
        ),
        "shipping": (
            "Order {o} has not arrived after {d} days.",
            "Where is my package? The order is {o}.",
            "Tracking for {o} has not moved for {d} days.",
            "The courier left my {p} at the wrong address. Order {o}.",
            "My delivery of the {p} is late, order {o}.",
            "When will order {o} ship?",
            "The parcel with the {p} is stuck in transit, {o}.",
            "Please change the delivery address for {o}.",
        ),
        "returns": (
            "I want to return the {p} from order {o}.",
            "The {p} arrived broken, I want a refund for {o}.",
            "How do I send back the {p}? Order {o}.",
            "I got the wrong size, please exchange order {o}.",
            "Please refund {a} for {o}, the {p} is damaged.",
            "I need a return label for order {o}.",
            "My refund for {o} is missing after {d} days.",
            "The {p} does not fit, I would like to exchange it. Order {o}.",
        ),
        "account": (
            "I can not log in to see order {o}.",
            "Please reset my password, my last order was {o}.",
            "Someone changed the email on my account. Order {o}.",
            "My account is locked since I placed {o}.",
            "How do I delete my account? My last order was {o}.",
            "The login code never comes, I need to see {o}.",
            "I think my account was hacked, there is an order {o} I do not know.",
            "Please update the email in my profile, order {o}.",
        ),
        "technical": (
            "The {p} from {o} does not turn on.",
            "The app crashes when I pair the {p} from order {o}.",
            "My {p} shows error code {n}. Order {o}.",
            "The firmware update for the {p} failed, order {o}.",
            "The {p} loses the connection every {n} minutes. Order {o}.",
            "How do I set up the {p} from order {o}?",
            "The battery of the {p} does not charge, order {o}.",
            "The screen of my {p} flickers. It was order {o}.",
        ),
        "feedback": (
            "I love the {p} from order {o}, great work.",
            "Your store is nice but the search could be better. Order {o}.",
            "Just a suggestion: offer the {p} in green. My order was {o}.",
            "Thank you for the quick help with {o}.",
            "The {p} from {o} is the best I ever had.",
            "I am happy with order {o}, five stars.",
            "An idea: add gift wrap to orders like {o}.",
            "Your team was friendly when I asked about {o}.",
        ),
    },
    "dev": {
        "billing": (
            "Order {o}: my card shows a charge of {a} and then the same charge again.",
            "I paid {a} for the {p}, so why does the bill for {o} say more?",
            "The invoice never came. I need it for order {o}.",
            "Your tax on {o} is too high and the discount is missing.",
        ),
        "shipping": (
            "I wait for the {p} since {d} days, has the courier lost {o}?",
            "Can you ship {o} to another address?",
            "The tracking of my parcel is stuck. It is order {o}.",
            "After {d} days there is still no package. Order {o}.",
        ),
        "returns": (
            "Order {o} was the wrong size. Please exchange the {p}.",
            "I would like to send the {p} of {o} back for a refund.",
            "The {p} is damaged. Where do I get a label for {o}?",
            "You said I get {a} back, but the refund for {o} is missing.",
        ),
        "account": (
            "Please delete my profile, the last order was {o}.",
            "I need a new password to log in. My order is {o}.",
            "My login is locked and I can not see {o}.",
            "The code for my account never comes, the last order is {o}.",
        ),
        "technical": (
            "Order {o}: error {n} on the screen of the {p}.",
            "I can not pair my {p} with the app. It is from {o}.",
            "My {p} from order {o} does not charge and the connection fails.",
            "The {p} of {o} crashes since the firmware update.",
        ),
        "feedback": (
            "Great {p}! I am happy that I placed order {o}.",
            "My idea for you: sell the {p} in more sizes. It was {o}.",
            "Your team gave me friendly help with order {o}, thank you.",
            "Nice store, five stars for {o}.",
        ),
    },
    "test": {
        "billing": (
            "There is a payment of {a} on my card twice, order {o}.",
            "The invoice of {o} is wrong, I paid {a} too much.",
            "My bill says {a} but the discount code should be on {o}.",
            "I do not know this fee of {a}, please check the bill for {o}.",
        ),
        "shipping": (
            "My package {o} is late, the tracking shows nothing.",
            "It is {d} days and the courier has not come with the {p}. Order {o}.",
            "The delivery with my {p} is stuck, where is it? {o}",
            "Has {o} shipped? The parcel has not arrived.",
        ),
        "returns": (
            "The {p} is the wrong size and I want to send it back, {o}.",
            "Please give me a refund, the {p} of {o} is broken.",
            "Can I exchange the damaged {p}? It was in {o}.",
            "I need a label to return my {p}. It was order {o}.",
        ),
        "account": (
            "My password does not work and I can not log in, last order {o}.",
            "I am locked out of my profile. Order {o}.",
            "Someone hacked my login and placed {o}.",
            "The email on my account is wrong, please update it. Order {o}.",
        ),
        "technical": (
            "The app shows error {n} and the {p} does not pair, order {o}.",
            "After the update the {p} of {o} does not turn on.",
            "The screen and the battery of the {p} failed. Order {o}.",
            "How do I set up the connection of my {p}? {o}",
        ),
        "feedback": (
            "Five stars for the {p}, I am happy. Order {o}.",
            "A suggestion for your store: offer more colours. My order was {o}.",
            "Great work, the team was quick and friendly with {o}.",
            "I love it, thank you. The best {p}. {o}",
        ),
    },
}

URGENCY: Mapping[Split, Mapping[str, Sequence[str]]] = {
    "train": {
        "high": (
            "This is urgent.",
            "I need this fixed today.",
            "Please answer as soon as possible!",
            "This can not wait.",
            "URGENT!",
            "I need an answer right now.",
        ),
        "low": (
            "No rush.",
            "Whenever you have time.",
            "It is not urgent.",
            "Take your time.",
        ),
    },
    "dev": {
        "high": (
            "I can not wait, this is urgent!",
            "Please fix it today, as soon as possible.",
            "I need you right now!",
        ),
        "low": (
            "There is no rush, take your time.",
            "Not urgent, answer when you have time.",
            "No rush at all.",
        ),
    },
    "test": {
        "high": (
            "It is urgent, I need it today!",
            "Please fix this right now.",
            "This is urgent and can not wait.",
        ),
        "low": (
            "It can wait, no rush.",
            "Take your time, it is not urgent.",
            "Answer whenever you have time.",
        ),
    },
}
