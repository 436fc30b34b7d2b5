"""What customers say next to their intent: neutral openings, and intents they mention but do not mean."""

from __future__ import annotations

# Said by all kinds of customers; the request next to it decides.
NEUTRAL = (
    "It is about the {p}.", "I am writing about the {p} that {name} told me about.",
    "Look at my {p}, please.",
    "I talked to your colleague {name} about the {p}.", "I have a matter with the {p}.",
    "You know the {p} I mean.",
    "We spoke about the {p} {ago}.", "My order has one {p} and one {p2} in it.",
    "I am the one with the {colour} {p}.",
    "I do not want to make a fuss about the {p}.", "This concerns the {p} from {oid}.",
    "Nobody could help me with the {p} so far.",
)  # fmt: skip

MENTIONS: dict[str, tuple[str, ...]] = {
    "refund": (
        "I do not want a refund.", "No, I am not asking for my money back.",
        "The refund for the other order came through, thank you.",
        "Do not offer me money, please.", "Your colleague spoke of a refund, but that is not my point."),
    "delivery": (
        "The delivery itself was fast.", "The parcel came on time, so no complaint there.",
        "I do not care when it is delivered.",
        "The tracking is fine by the way.", "Shipping is not the problem."),
    "exchange": (
        "I do not need an exchange.", "No, please do not swap anything.",
        "A different size would not help me.",
        "You offered me another colour, but that is not it.", "I have no use for a replacement."),
    "invoice": (
        "I have the invoice here.", "The bill is fine.", "I kept the receipt.",
        "You can skip the invoice, I have it.",
        "The invoice number is in the subject line."),
    "warranty": (
        "I know there is a guarantee, that is not what I am after.", "This is not a warranty case.",
        "I am not writing about a guarantee.",
        "No repair, please.", "The warranty card is in the drawer."),
    "cancel order": (
        "I do not want to cancel anything.", "Please do not cancel my order.",
        "I thought about cancelling, but no.",
        "The other order is cancelled already, forget that one.", "Calling it off is not what I want."),
    "account": (
        "My login works fine.", "I am logged in to my account.", "My password is not the issue.",
        "I have changed my email address already.", "You find my account under {me}."),
    "product question": (
        "I know how it works, I have read the leaflet.", "The size and weight are clear to me.",
        "It is a nice product, do not get me wrong.",
        "I have no question about how to use it.", "The description was clear enough."),
}  # fmt: skip

# The intents that a customer may bring up in passing, without a contradiction.
IN_PASSING: dict[str, tuple[str, ...]] = {
    "refund": ("exchange", "warranty", "product question", "delivery", "invoice", "account"),
    "delivery": ("refund", "exchange", "cancel order", "invoice", "account"),
    "exchange": ("refund", "delivery", "invoice", "warranty", "product question"),
    "invoice": ("refund", "delivery", "exchange", "warranty", "product question", "account"),
    "warranty": ("refund", "exchange", "delivery", "invoice", "product question", "account"),
    "cancel order": ("exchange", "account", "product question"),
    "account": ("refund", "delivery", "exchange", "invoice", "cancel order"),
    "product question": ("exchange", "account", "cancel order", "refund"),
}
