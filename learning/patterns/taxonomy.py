"""The public list that action types of all partners are mapped to: a domain and a canonical kind of action.

What is not on it stays within its partner. The list is fixed: an entry is added by a release of Retivo, and one that
patterns were released for is not taken away. docs/privacy.md shows it.
"""

from collections.abc import Mapping

# By domain: the kinds, each with the names that action types of that kind go by beside its own.
KINDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "loyalty": {
        "grant_points": ("add_points", "award_points", "give_points"),
        "multiply_points": ("bonus_points", "double_points"),
        "send_voucher": ("grant_voucher", "issue_voucher"),
        "upgrade_tier": ("promote_tier", "tier_upgrade"),
        "grant_reward": ("give_reward", "send_reward"),
    },
    "commerce": {
        "send_discount": ("grant_discount", "send_coupon", "send_voucher"),
        "free_shipping": ("grant_free_shipping", "offer_free_shipping"),
        "recommend_product": ("product_recommendation", "suggest_product"),
        "remind_cart": ("abandoned_cart", "cart_reminder"),
    },
    "subscription": {
        "offer_pause": ("pause_plan", "pause_subscription"),
        "offer_discount": ("grant_discount", "renewal_discount"),
        "extend_trial": ("trial_extension",),
        "offer_upgrade": ("suggest_upgrade", "upsell_plan"),
    },
    "messaging": {
        "send_email": ("email", "trigger_email"),
        "send_push": ("push", "push_notification"),
        "send_sms": ("sms", "text_message"),
        "show_message": ("in_app_message", "show_banner"),
    },
    "support": {
        "offer_call": ("book_call", "schedule_call"),
        "open_ticket": ("create_ticket",),
        "send_guide": ("send_article", "send_tutorial"),
    },
}

_ENTRIES = {
    (domain, name): f"{domain}/{kind}"
    for domain, kinds in KINDS.items()
    for kind, others in kinds.items()
    for name in (kind, *others)
}


def entry(*, domain: str, name: str) -> str | None:
    """`domain/kind` of an action type, by its integration's domain and its own name; None where it is on no list."""
    return _ENTRIES.get((domain.lower(), name))
