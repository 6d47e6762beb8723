"""What shops do for a shopper."""

from integrations.taxonomy.kind import Kind

COMMERCE = (
    Kind(
        "send_discount",
        "Gives the shopper a coupon or code that takes a percentage or an amount off an order.",
        names=("grant_discount", "send_coupon", "send_voucher"),
        says="discount code; promo code; coupon; 10 percent off; 15% off the next purchase; money off; first "
        "order discount; sale price; unique single-use code; voucher; markdown; reduction at checkout; "
        "welcome offer; deal; 15 percent off everything for a week; single-use promo code; 10 euros off "
        "orders over 50; welcome coupon for first-time buyers; win-back coupon; code valid for 48 hours; "
        "emails a personal code; knocks money off; markdown for VIPs; flash sale code; student discount; "
        "applies a discount to the cart; rebate; percentage off the basket; birthday coupon",
    ),
    Kind(
        "free_shipping",
        "Waives or lowers the cost of delivery of an order.",
        names=("grant_free_shipping", "offer_free_shipping"),
        says="free shipping; free delivery; no shipping fee, shipping costs on us; postage waived; reduced "
        "shipping; complimentary express delivery; shipping upgrade; removes delivery charges; free "
        "freight; no delivery fee on the next order; ships for free; postage is on us; delivery at no "
        "cost; lowers the free shipping threshold; waives shipping; free next-day delivery; parcel "
        "delivered free of charge; carriage paid; half-price delivery; free express; courier fee removed",
    ),
    Kind(
        "recommend_product",
        "Shows or sends the shopper products that were chosen for them.",
        names=("product_recommendation", "suggest_product"),
        says="personalised recommendations; you may also like; similar items; cross-sell; suggestions; picks "
        "for you; complements, accessories, matching products; bestsellers; curated selection; lookbook; "
        "new arrivals based on purchase history; related products; renders eight items ranked for the "
        "visitor; products that go with what they bought; complete the look; because you bought; "
        "customers also bought; collaborative filtering; personal picks from the catalogue; product "
        "carousel; suggests alternatives; gift ideas; items you might love; cross-sells accessories; top "
        "sellers in a favourite category; grid of articles; style suggestions; new collection matched to "
        "taste",
    ),
    Kind(
        "remind_cart",
        "Reminds the shopper of items left in the cart or of a checkout not finished.",
        names=("abandoned_cart", "cart_reminder"),
        says="abandoned cart; abandoned checkout; cart recovery; basket reminder; items waiting in the bag; "
        "left behind; complete your purchase; unfinished order; trolley; saved cart; did not check out; "
        "didn't complete checkout; filled a basket and left; left the payment page without ordering; you "
        "forgot something; items still in the basket; checkout started but not completed; left without "
        "paying; recovers carts; link back to the cart; cart rescue; saved for later; order not finished; "
        "two hours after the cart was left; cart waits; abandons the checkout; goods in the shopping bag",
    ),
    Kind(
        "remind_browse",
        "Reminds the shopper of products or categories they looked at and did not put into the cart.",
        names=("browse_abandonment", "browse_reminder", "viewed_product"),
        says="browse abandonment; recently viewed; product page visited without adding to cart; looked at but "
        "did not buy; still interested; still thinking about it; window shopping; items browsed; follow "
        "up on a product view; category viewed; looked at a product three times but never added it; saw "
        "the page and left; visited a category without buying; recently viewed items by email; pages they "
        "looked at yesterday; still looking for; session without add to cart; product they viewed; viewed "
        "and did not add; what they browsed; follows up on visited items; last seen products",
    ),
    Kind(
        "announce_restock",
        "Tells the shopper that a product they wanted is available again.",
        names=("back_in_stock", "notify_restock", "restock_alert"),
        says="back in stock; restock alert; was sold out; inventory replenished; out of stock item returned; "
        "waitlist; size available again; in store again; stock notification; notify when available; the "
        "sold-out size is here again; SKU has inventory again; pings the waitlist; item is back; on the "
        "shelves again; notify me when available; product returned to stock; fresh supply of a sold out "
        "article; available once more; back on sale after being out of stock; replenished stock alert; "
        "subscribers to a stock alert",
    ),
    Kind(
        "announce_price_drop",
        "Tells the shopper that a product they viewed or saved has become cheaper.",
        names=("notify_price_drop", "price_alert", "price_drop"),
        says="price drop; price alert; price reduced, price lowered, price fell, price went down; wishlist "
        "item on sale; lower price on a favourite; now cheaper; marked down; saved item now costs less; "
        "wishlist product is cheaper; the price of a viewed item was cut by 20 percent; favourite now on "
        "sale; price watch; price fell below; price goes down; reduced since they last looked; watched "
        "article is discounted; new lower price; price decrease alert",
    ),
    Kind(
        "remind_reorder",
        "Reminds the shopper to buy a consumable again, about when it runs out.",
        names=("reorder_reminder", "replenish", "replenishment"),
        says="replenishment; refill; reorder; running low; time to restock your supply; repurchase; order "
        "again; buy again; used up; expected depletion; supply should be nearly finished; coffee beans "
        "run out after 30 days; time for a new pack; your contact lenses are nearly used up; reorder with "
        "one click; restock your favourites; usual purchase cycle; pet food is running low; buy it again; "
        "refill reminder; toner, vitamins, diapers; average days between orders has passed; second "
        "supply; nearly empty",
    ),
    Kind(
        "offer_bundle",
        "Offers several products together, or more of one, for less than they cost one by one.",
        names=("bundle_deal", "bundle_offer", "multibuy"),
        says="bundle; set; kit; buy one get one; BOGO; buy two get one; three for two; multi-buy; volume "
        "discount; quantity break; frequently bought together at a lower price; combo; package deal; "
        "pack; take three pay for two; buy two, get the third free; save when you buy the set; cheaper "
        "together; starter kit; pairs a camera with a lens at a lower price; bulk price from six pieces; "
        "2 for 1; family pack; mix and match; combines items at a set price; multi-pack deal; add a "
        "second one at half price; quantity discount",
    ),
    Kind(
        "add_gift",
        "Adds a free gift or sample to an order.",
        names=("free_gift", "free_sample", "gift_with_purchase"),
        says="gift with purchase; free sample; complimentary item in the parcel; freebie; puts a free product "
        "into the cart or box; surprise in the package; bonus item; sample sachet; mystery gift; slips a "
        "sample into the parcel; free mini with the order; free tote bag over 60 euros; puts a present in "
        "the box; gift added to the basket automatically; surprise extra in the package; choose a free "
        "gift at checkout; complimentary trial size; bonus product for orders above; goodie; gift item at "
        "zero price; free item with purchase; packs a sachet",
    ),
    Kind(
        "grant_credit",
        "Puts store credit or cashback on the shopper's account, to be spent later.",
        names=("give_cashback", "issue_credit", "store_credit"),
        says="store credit; cashback; account credit; wallet balance; money back to the account; credits "
        "dollars to the customer's balance; shop credit; refund as credit; wallet top-up; adds 20 to the "
        "shop account to spend on any later order; 5 percent cash back after purchase; wallet gets 10 "
        "dollars; balance on account; refunds as shop balance; trade-in value as credit; cashback "
        "credited; store money; credit note to be spent; adds funds; loads the customer's wallet; credit "
        "for a later purchase; gives back part of the price as balance",
    ),
    Kind(
        "request_review",
        "Asks the shopper for a review, rating or photo of something bought.",
        names=("ask_review", "collect_review", "review_request"),
        says="product review; rating; testimonial; feedback on a purchase; photo or video of the product; star "
        "rating; write a review; how do you like it; user-generated content; after delivery; asks for "
        "stars and a photo ten days after delivery; how did you like it; invites to rate the purchase; "
        "share your opinion on the shoes; write a few words about the product; review reminder; collects "
        "ratings; verified buyer review; upload a picture; leave a comment; tell other shoppers; star "
        "rating for an item; video review",
    ),
)
