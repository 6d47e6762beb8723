"""What loyalty programmes do for a member."""

from integrations.taxonomy.kind import Kind

LOYALTY = (
    Kind(
        "grant_points",
        "Adds points, stars, coins or miles to the member's balance at once.",
        names=("add_points", "award_points", "give_points"),
        says="credits bonus points to the account; awards extra miles; gives stars; adds coins; deposits "
        "beans; tops up the points balance; a one-off points gift, points for a birthday, for signing up "
        "or as a thank-you; posts a fixed number of points; loyalty currency; goodwill points; posts 500 "
        "points to the wallet; credits miles after a stay or flight; tops up the member's account with "
        "stars; one-time bonus for completing the profile; drops points into the account; puts points on "
        "the card; manual points adjustment in favour of the member; compensates with points; welcome "
        "points; points gift; increases the balance by an amount; nights credited",
    ),
    Kind(
        "multiply_points",
        "Lets the member's purchases earn points at a higher rate for some time, such as double points.",
        names=("bonus_points", "double_points"),
        says="double points weekend; triple points day; 2x points, 3x, 5x; points multiplier; earns twice as "
        "many points on every purchase; accelerated earning, boosted earn rate, accelerator; each dollar "
        "spent earns more; multiplies what is earned during a campaign; every euro counts double; 2x "
        "miles on flights this month; twice the stars on every order; happy hour with triple points; "
        "raises the earning factor; earn 3 points per dollar instead of 1; bonus multiplier for a "
        "category; temporary earn booster; doubles, triples what a purchase earns; points worth of the "
        "next order times five",
    ),
    Kind(
        "send_voucher",
        "Issues a voucher or gift card of a money value, to be redeemed with a purchase.",
        names=("grant_voucher", "issue_voucher"),
        says="gift card, gift certificate, e-gift; voucher code worth 10 euros; money-off voucher, cash "
        "voucher, coupon; store certificate; redeemable at checkout or at the till; voucher of a fixed "
        "value in dollars; emails a gift card worth 25; ten euro voucher for the next visit; e-voucher "
        "with a barcode; prepaid card; face value; issues a certificate that is redeemed in store; cash "
        "coupon; money voucher of a set amount; hands out a voucher; store card loaded with money; "
        "shopping voucher",
    ),
    Kind(
        "upgrade_tier",
        "Moves the member up to a higher tier or status, for good or for some time.",
        names=("promote_tier", "tier_upgrade"),
        says="promotes to gold, silver, platinum or VIP; status upgrade; next level of membership; elite "
        "status; tier fast track; trial of a higher tier; lifts, raises, bumps or elevates the member to "
        "the next status; status match; lifts from silver to gold; moves to platinum early; grants VIP "
        "status for three months; bumps the status one level; fast track to the next tier; skips a tier; "
        "status boost; makes the member a gold member; promotes once spend passes a threshold; taste of "
        "elite; level up",
    ),
    Kind(
        "protect_tier",
        "Lets the member keep the present tier although it would lapse or be lowered.",
        names=("extend_tier", "keep_tier", "tier_extension"),
        says="prevents a downgrade, demotion or loss of status; tier grace period; status extension; retains "
        "gold, silver or platinum status for another year; soft landing; holds the level despite missing "
        "the threshold; status freeze; requalification waived; tier protection; stays gold for another "
        "year although too little was spent; status is kept although the threshold was missed; status "
        "rescue; no demotion at year end; carries the tier over; prolongs status; skips the annual "
        "review; gold card stays valid; keeps the current tier from dropping; rollover of status; saves "
        "the level; grace months before the downgrade; tier freeze; status hold",
    ),
    Kind(
        "grant_reward",
        "Gives the member a free product, treat, gift or perk, without points being spent.",
        names=("give_reward", "send_reward"),
        says="free coffee, free dessert, free drink; birthday treat; surprise gift; complimentary perk, "
        "upgrade of a room or lounge pass; free item on the house; surprise and delight; a free sample or "
        "freebie; benefit; unlocks a reward at no points cost; free slice of cake with the next visit; "
        "free pastry; free car wash; complimentary lounge access; room upgrade; a gift waiting at the "
        "counter; birthday present; free movie ticket; surprise treat; on us; perk of the month; free "
        "breakfast; late checkout; gives away merchandise; anniversary gift; priority boarding; free "
        "topping; item from the rewards catalogue at no points",
    ),
    Kind(
        "extend_points",
        "Postpones the date on which the member's points expire.",
        names=("extend_expiry", "points_extension", "prevent_expiry"),
        says="extends the validity of points or miles; pushes back, delays, moves or postpones the expiry; "
        "keeps points from expiring; longer expiration; resets the expiration clock; 90 more days before "
        "points lapse; expiration extended; revives or reinstates expired points; moves the expiry date "
        "of points by six months; points stay valid longer; keeps miles alive; sets a later expires_at; "
        "resets the clock on the balance; prolongs miles; grace period for expiring points; saves the "
        "balance from lapsing; delays the forfeiture; reactivates lapsed points; shifts the expiry; more "
        "time to spend points",
    ),
    Kind(
        "remind_points",
        "Tells the member how many points there are to spend, or that some expire soon.",
        names=("balance_reminder", "expiry_reminder", "points_reminder"),
        says="reminds of unused points; expiry notice, warning or alert: points are about to expire; points "
        "balance statement; nudges to redeem; lets the member know what the balance can be spent on; how "
        "close they are to a reward; notifies of points expiring; redemption reminder; your balance is "
        "about to lapse; use it or lose it; heads-up before points go stale; miles will vanish at the end "
        "of the month; tells them 1,200 points are waiting; how many more points until a reward; monthly "
        "points statement; warns that stars expire; enough points for a free coffee; nudges to spend the "
        "balance; email about unspent points; points summary; reward within reach",
    ),
    Kind(
        "invite_referral",
        "Invites the member to bring in friends, with a reward for those who join.",
        names=("refer_friend", "referral_invite", "send_referral"),
        says="refer a friend; referral link or code; invite friends and both get something; share with family; "
        "recommend the programme to others; member-get-member; advocate; word of mouth; brings a new "
        "member; bring a friend; give 10 get 10; personal invite link; both get a bonus when a friend "
        "signs up; tells friends about the programme; shares a code with friends; ambassador; friends and "
        "family; recruits new members; asks the member to recommend; referred friend makes a first "
        "purchase",
    ),
    Kind(
        "start_challenge",
        "Sets the member a task, stamp card or mission with a reward for completing it.",
        names=("assign_challenge", "launch_challenge", "stamp_card"),
        says="challenge, quest, mission, goal; digital stamp card, punch card; visit three times this month to "
        "earn a bonus; complete tasks; buy five get one; spend target; streak; enrols in an activity; "
        "progress towards completing the set; collect nine stamps and the tenth is free; visit five times "
        "in May; digital punch card; try three new products and win a bonus; weekly mission; buy from "
        "three categories within two weeks; sets a spending goal; opt in to a task; completes a series of "
        "visits; buy ten get one free card; opens a stamp card; scavenger hunt; badge collection; bonus "
        "for reaching the target",
    ),
    Kind(
        "enter_draw",
        "Enters the member into a prize draw, raffle, sweepstake or instant-win game such as a wheel.",
        names=("enter_raffle", "enter_sweepstake", "spin_wheel"),
        says="sweepstakes entry; raffle or lottery ticket; giveaway; spin the wheel; scratch card; chance to "
        "win; lucky draw; prize; instant win; competition entry; ticket for the monthly raffle; chance of "
        "winning a trip; spins a wheel of fortune; entry in a sweepstake; scratch and win; lucky dip; "
        "prize competition; tombola; draws a winner; slot machine; drawing for prizes; lot",
    ),
)
