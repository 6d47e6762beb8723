"""What subscription businesses do for a subscriber."""

from integrations.taxonomy.kind import Kind

SUBSCRIPTION = (
    Kind(
        "offer_pause",
        "Lets the subscriber pause or freeze the subscription for some time instead of cancelling.",
        names=("pause_plan", "pause_subscription"),
        says="pause; freeze; put on hold; suspend billing for a month or two; take a break; holiday hold; "
        "snooze; membership freeze; resume later; skip a billing cycle; puts the plan on hold for 30 to "
        "90 days instead of cancelling; hibernate the membership; take a month off; freeze for the "
        "summer; temporarily stops billing; suspends the plan and keeps the data; break of up to three "
        "months; vacation mode; on ice; sleep mode; stops charges and resumes later; pause option in the "
        "cancel flow; dormant",
    ),
    Kind(
        "offer_discount",
        "Lowers the price of the subscription for one or more renewals.",
        names=("grant_discount", "renewal_discount"),
        says="discount on the next invoices; 20 percent off the next three months; 50% off; coupon applied to "
        "the subscription; save offer, retention offer; reduced rate; loyalty price; price cut; cheaper "
        "renewal; promotional price; half price; 30 percent off the next three renewals; stay and pay "
        "half; price of the next invoice is reduced; coupon on the plan for six months; retention "
        "discount in the cancellation flow; cheaper for a while; loyalty rebate on the fee; knocks 5 "
        "dollars off each month; lower monthly fee for the same plan; save offer; grandfathered price; "
        "discounted renewal; special rate",
    ),
    Kind(
        "extend_trial",
        "Makes a free trial longer.",
        names=("trial_extension",),
        says="extends the trial; extra trial days; longer evaluation; more time to try; trial end date pushed "
        "back; additional week of free trial; prolongs the trial period; reopens an expired trial; seven "
        "more days to try; adds two weeks to the free trial; trial runs longer; trial_end pushed out; "
        "extra days before the card is charged; additional evaluation days; more time to test the "
        "product; second trial; prolongs the test phase; trial restarted; late activators get more trial "
        "time",
    ),
    Kind(
        "offer_upgrade",
        "Offers a larger or better plan, more seats or a paid add-on.",
        names=("suggest_upgrade", "upsell_plan"),
        says="upgrade to premium, pro or business; upsell; next tier; higher plan; bigger plan; add more seats "
        "or licences; buy an add-on; move from basic to pro; more storage; expansion; free to paid; "
        "family plan; suggests the next bigger plan when limits are reached; prompts to go premium; go "
        "pro; more seats for the team; sells an add-on; bigger storage package; moves free users to a "
        "paid plan; upgrade prompt; upsells from standard to plus; larger data package; business edition; "
        "invites to buy extra capacity; add a module; enterprise; unlimited plan",
    ),
    Kind(
        "offer_downgrade",
        "Offers a smaller, cheaper plan instead of cancelling.",
        names=("downgrade_plan", "suggest_downgrade"),
        says="downgrade; lower tier; cheaper plan; lighter plan; basic or lite plan; switch down; fewer seats; "
        "less expensive option; reduced plan; ad-supported plan; smaller package; right-size; switches to "
        "the small plan instead of leaving; moves to a lower-priced tier; suggests the basic edition; "
        "fewer features for less money; cheaper package in the cancel flow; reduces seats; step down; "
        "light version; free plan instead of cancelling; drop to standard; plan with ads; saves money "
        "with a smaller plan",
    ),
    Kind(
        "offer_annual",
        "Offers to change from monthly to annual billing, or to commit for a longer term.",
        names=("annual_switch", "annual_upgrade", "switch_to_annual"),
        says="annual plan; yearly billing; pay once a year; prepay twelve months; monthly to yearly; two "
        "months free on annual; longer commitment; multi-year; prepaid term; annual contract; pay for a "
        "year and save two months; from monthly to yearly; twelve months upfront; switch billing to "
        "annual; commit for 24 months; prepays the year; annual billing offer; long-term contract at a "
        "lower rate; billed once a year; yearly prepayment; locks in the price for two years; converts "
        "monthly subscribers",
    ),
    Kind(
        "recover_payment",
        "Recovers a failed payment: charges it again, or asks for another card.",
        names=("dunning", "retry_payment", "update_card"),
        says="failed payment; declined card; dunning; retries the charge; payment retry; update payment "
        "method; expired credit card; past due, overdue or unpaid invoice; billing details; card on file; "
        "insufficient funds; failed renewal charge; involuntary churn; smart retry; collects; the renewal "
        "charge was declined; asks for a new card; tries the card again on payday; link to update billing "
        "details; dunning email; payment failed; expired card; charges the backup card; second attempt at "
        "collection; account past due; invoice unpaid; SEPA debit bounced; card update request; "
        "outstanding balance; pay now link; retries the invoice; soft decline",
    ),
    Kind(
        "grant_free_period",
        "Adds days or months at no charge to a paid subscription.",
        names=("extend_subscription", "free_month", "grant_free_month"),
        says="free month; a month on us; extra days; complimentary weeks; extends the paid subscription at no "
        "cost; next renewal free; bonus month; credits a billing cycle; free extension; pushes the next "
        "charge back by 30 days; waives the next invoice; next month costs nothing; 30 days on the house; "
        "shifts the next billing date by a month; adds two free weeks to a paying member; one month free "
        "of charge; skips one charge as a gift; complimentary month; extends the term for free; waives "
        "one monthly fee; extra month for loyal members; bonus days added to the term; billing date "
        "postponed at no cost",
    ),
    Kind(
        "change_delivery",
        "Skips, delays, swaps or reschedules deliveries of a subscription box or refill.",
        names=("delay_order", "skip_delivery", "swap_product"),
        says="skip the next box; skip a shipment; delay the next order; swap the product, flavour or item; "
        "change the delivery frequency; every six weeks instead of four; reschedule; next delivery date; "
        "push back shipment; deliver less often; parcel; interval between orders; skips next month's box; "
        "pushes the shipment back two weeks; swaps dark roast for decaf; every eight weeks instead of "
        "four; moves the delivery day; different size or flavour in the next box; fewer deliveries; holds "
        "one shipment; reschedules the refill; changes what is in the box; exchange an item; next order "
        "date; ship later; frequency change; meal kit",
    ),
    Kind(
        "remind_renewal",
        "Tells the subscriber that the term or the trial is about to end or renew.",
        names=("notify_renewal", "renewal_reminder", "trial_ending"),
        says="renewal reminder; upcoming renewal notice; subscription expires soon; trial ends in three days; "
        "trial ending; auto-renews; upcoming charge; heads-up before billing; contract end; days left; "
        "about to lapse; your plan renews in seven days; the term ends on Friday; annual renewal is "
        "coming up; trial is over in three days; notice before the card is charged; pre-renewal email; "
        "expires soon; heads-up about the upcoming charge; membership runs out; subscription will end; "
        "renewal notice thirty days ahead; contract expiry reminder; last days of the trial",
    ),
    Kind(
        "unlock_feature",
        "Opens a feature, add-on or quota of a higher plan to the subscriber for free for some time.",
        names=("enable_feature", "feature_trial", "grant_feature"),
        says="unlocks a premium feature; temporary access to pro features; try an add-on free; raises a limit "
        "or quota temporarily; extra storage free; feature trial; enables a module; early access to beta; "
        "entitlement; taste of a higher plan; flips a premium flag on for ten days; opens pro reports for "
        "two weeks; lets basic users try the advanced editor; raises the API quota for a month; temporary "
        "extra seats at no charge; sneak peek at premium; turns on a paid module free; enables offline "
        "mode; feature flag; lifts the export limit; trial of an add-on; entitlement for a limited time; "
        "premium features free; higher limits; taste of premium; without paying for the bigger plan",
    ),
    Kind(
        "offer_return",
        "Invites a subscriber who has cancelled or lapsed to subscribe again.",
        names=("reactivate", "win_back", "winback"),
        says="win-back; come back; reactivate; resubscribe; former, past or ex-subscribers; cancelled "
        "customers; churned; rejoin; return offer; restart the subscription after cancellation; comeback "
        "deal; lapsed members; we miss you offer to those who cancelled; three months at half price for "
        "former subscribers; reactivation link for churned accounts; restarts an ended subscription; "
        "cancelled 60 days ago; wins back; lapsed subscriber; ex-members; resubscribe with one click; "
        "returning customers; return after cancellation; rejoin offer; expired subscription revived; left "
        "us",
    ),
)
