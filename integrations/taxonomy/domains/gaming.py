"""What games do for a player."""

from integrations.taxonomy.kind import Kind

GAMING = (
    Kind(
        "grant_currency",
        "Adds in-game currency such as gems, coins or gold.",
        names=("add_coins", "give_gems", "grant_coins"),
        says="gems; coins; gold; diamonds; crystals; credits; tokens; soft or hard currency; virtual currency; "
        "premium currency; adds to the wallet; bucks; cash; chips; deposits a number of gems; drops 500 "
        "gems into the wallet; adds gold to the player's purse; bonus coins; hard currency; credits "
        "diamonds; gives chips; V-bucks, Robux; virtual money; treasure; deposits crystals; coin gift; "
        "soft currency; rubies; tokens credited; pays out gold",
    ),
    Kind(
        "grant_item",
        "Gives an item, skin, character, card or loot box.",
        names=("give_item", "give_skin", "grant_skin"),
        says="item; skin; cosmetic; weapon; armour; loot box; chest; crate; character; hero; card pack; "
        "costume; outfit; pet; mount; inventory; collectible; gear; emote; avatar; gacha pull; sword; "
        "gift box; puts a rare sword in the inventory; gives a legendary skin; free loot box; unlocks a "
        "hero; mystery chest; a card pack; epic weapon; cosmetic gift; puts a crate in the mailbox; "
        "exclusive outfit; hands out a pet; new avatar frame; gives a vehicle, car, ship; collectible "
        "card; item sent to the mail; camo; spray; drops an item",
    ),
    Kind(
        "restore_energy",
        "Refills lives, energy, stamina or hearts, or makes them unlimited for some time.",
        names=("give_lives", "refill_energy", "refill_lives"),
        says="lives; energy; stamina; hearts; refill; unlimited lives; extra life; tops up energy; action "
        "points; fills the bar; infinite stamina for an hour; keep playing without waiting; moves; turns; "
        "fuel; tickets to play; refills all five hearts; losing a level costs no life; unlimited lives "
        "for an hour; energy bar back to full; extra moves; recharges stamina; gives five lives; no "
        "waiting time; full tank; infinite energy; restores hearts; more turns; lives topped up; resets "
        "the energy timer; free retries; continues",
    ),
    Kind(
        "grant_boost",
        "Gives a temporary boost: double XP, a power-up or faster progress.",
        names=("activate_boost", "double_xp", "give_booster"),
        says="double XP; XP boost; booster; power-up; multiplier; buff; speed-up; experience bonus; faster "
        "levelling; shield; 2x; accelerates; temporary advantage; extra damage; faster build timers; "
        "boosts progress for an hour; double experience for an hour; XP weekend; speeds up building; "
        "power-up for the next match; 50 percent more damage; booster for thirty minutes; faster "
        "research; score multiplier; shield for 24 hours; twice the progress; temporary buff; accelerates "
        "levelling; starts the level with a bomb; protects the base; peace shield; extra experience; "
        "pre-game booster",
    ),
    Kind(
        "offer_pack",
        "Offers a pack, bundle or in-app purchase at a special price.",
        names=("offer_bundle", "special_offer", "starter_pack"),
        says="starter pack; bundle; discounted pack; in-app purchase; IAP; special offer in the shop; store "
        "sale; limited time deal; value pack; personalised offer; real money; price; percent off; buy; "
        "purchase; piggy bank; first purchase bonus; shows a starter bundle for 4.99; discounted gem "
        "pack; one-time offer in the store; special deal on a chest; bundle of coins and boosters at 60 "
        "percent off; real-money offer; first-purchase deal; limited sale; IAP offer; personal shop "
        "offer; price reduced; value bundle; subscription pass for sale; store pop-up; buy one get one on "
        "gems; SKU; sale on currency",
    ),
    Kind(
        "unlock_content",
        "Opens a level, mode, story chapter or season pass that is locked.",
        names=("open_level", "unlock_level", "unlock_mode"),
        says="unlocks a level; opens a chapter; new mode; map; world; area; season pass; battle pass; premium "
        "pass trial; expansion; DLC; episode; skips a hard level; access to locked content; early access "
        "to a zone; storyline; stage; opens the next world; free access to chapter two; battle pass tier "
        "unlocked; makes a locked mode playable; free trial of the season pass; opens a map; DLC access; "
        "lets the player into the arena early; level skip; unlocks a dungeon; premium track of the pass; "
        "story episode free; next area; hard mode; campaign; early access",
    ),
    Kind(
        "start_quest",
        "Gives the player a quest, mission or challenge with a reward for completing it.",
        names=("assign_quest", "give_mission", "start_mission"),
        says="quest; mission; challenge; bounty; objective; task; daily quest; win three matches; side quest; "
        "complete to earn; personal challenge; achievement to reach; kill ten monsters; quest line; "
        "contract; gives a mission: win three matches; daily quest with a prize; collect ten stars for a "
        "chest; task list; defeat five bosses to earn; weekly challenge; special objective; comeback "
        "mission; score goal with a reward; quest chain; beat your best time; assignment; complete the "
        "set for a reward",
    ),
    Kind(
        "login_bonus",
        "Gives a reward for coming back on a day or several days in a row.",
        names=("comeback_bonus", "daily_bonus", "daily_reward"),
        says="daily login bonus; login reward; login calendar; daily reward; consecutive days; streak; "
        "check-in; returning player; welcome back gift; comeback reward; logs in; days in a row; day "
        "seven; lapsed player returns; sign-in; gift for opening the game each day; day-7 reward; "
        "seven-day calendar; welcome back chest after two weeks away; daily spin; daily gift; streak "
        "reward; logging in five days running; comeback present; returning players get; attendance "
        "reward; log in tomorrow for more; daily chest; check in; absent players; rewards each day",
    ),
    Kind(
        "invite_event",
        "Invites the player to a tournament, raid or event of limited time.",
        names=("event_invite", "invite_raid", "invite_tournament"),
        says="tournament; raid; event; limited-time event; seasonal event; competition; league; weekend cup; "
        "live ops; boss battle; arena; announces an event; contest; esports; leaderboard race; registers "
        "for; clan war; invites to the weekend tournament; raid starts at eight; limited event; seasonal "
        "competition; signs up for the cup; boss event; leaderboard season; Halloween event; league "
        "starts; time-limited arena; announces a contest; in-game concert; ranked season; qualifiers; "
        "guild war; holiday event; double-elimination; special event for a few days; race",
    ),
    Kind(
        "connect_players",
        "Suggests or invites to a guild, clan, team or friends to play with.",
        names=("invite_friends", "join_guild", "suggest_guild"),
        says="guild; clan; alliance; squad; team; friends; friend suggestions; co-op partner; matches with "
        "other players; social; invite friends; party; community; teammates; Discord server; multiplayer; "
        "find a group; buddy; suggests an active guild; matches with players of similar skill; recommends "
        "friends; clan invitation; invites to a party; finds teammates; alliance that needs members; "
        "invite a friend to play; join a squad; friend requests; community server; social hub; groups "
        "solo players; mentor player; link with buddies",
    ),
    Kind(
        "reward_ad",
        "Offers a reward in the game for watching an ad.",
        names=("offer_rewarded_ad", "rewarded_video", "watch_ad"),
        says="rewarded video; rewarded ad; watch an ad; advertisement; watch a video to get; ad placement; "
        "opt-in ad; ad-funded; short clip of a sponsor; video in exchange for coins; watching; watch a "
        "30-second video for an extra life; rewarded ad placement; ad in exchange for gems; view an ad to "
        "double the reward; opt-in video; sponsor's clip; watches a trailer for coins; ad unit; AdMob, "
        "ironSource, Unity Ads; playable ad; reward for viewing; advertisement for a continue",
    ),
)
