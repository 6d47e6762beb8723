"""What support and success teams do for a customer."""

from integrations.taxonomy.kind import Kind

SUPPORT = (
    Kind(
        "offer_call",
        "Invites the customer to a call or meeting with a person, or has a person call.",
        names=("book_call", "schedule_call"),
        says="book a call; schedule a meeting; callback; phone call from an agent; video call; one-to-one "
        "session; calendar link; appointment; consultation; rings the customer; check-in call; demo; talk "
        "to a specialist; Zoom; books thirty minutes with a specialist; call-back request; an agent "
        "phones the customer; invites to a video meeting; calendar link to talk to someone; Calendly; "
        "rings within an hour; screen share with an expert; personal consultation; strategy call; human "
        "calls; quarterly business review; phone appointment; schedule time with us; live call; speaks to "
        "a person",
    ),
    Kind(
        "open_ticket",
        "Opens a ticket, case or task for the support team.",
        names=("create_ticket",),
        says="creates a ticket; support case; opens an issue; task for the team; queue; escalation to agents; "
        "files a request; help desk; Zendesk; logs an incident; raises a case for follow up; assigned to "
        "tier two; internal to-do for the success team; creates a case in Zendesk; opens an issue for "
        "tier 2; task in the queue of the team; raises a ticket with priority; files a bug report; Jira; "
        "work item for an agent; logs a complaint; case in Salesforce; hands over to support staff; "
        "follow-up task; help request; assigns to a queue; new ticket on behalf of the customer; "
        "escalates to second level",
    ),
    Kind(
        "send_guide",
        "Sends a help article, tutorial or how-to video.",
        names=("send_article", "send_tutorial"),
        says="help article; knowledge base; tutorial; how-to video; guide; documentation; FAQ; step-by-step "
        "instructions; tips; best practices; troubleshooting; help centre link; walkthrough video; "
        "manual; explainer; self-service content; how to use a feature; link to the help centre page; "
        "video on importing contacts; how-to article; short tutorial by email; tips for getting started; "
        "setup instructions; shares documentation; article that answers the question; cheat sheet; "
        "troubleshooting steps; onboarding guide; explains how to; PDF manual; recommended reading; FAQ "
        "entry; knowledge base link; recipe; getting-started video; best-practice document",
    ),
    Kind(
        "start_chat",
        "Starts a live or bot conversation with the customer.",
        names=("live_chat", "open_chat", "proactive_chat"),
        says="live chat; chat window; chatbot; proactive chat; messenger conversation; opens the chat widget; "
        "bot greets the customer; an agent says hello; starts a conversation; asks whether they need "
        "help; virtual assistant; real-time messaging; chat session; opens the chat widget with a "
        "greeting; bot asks if help is needed; live agent joins; pops the messenger; proactive chat on "
        "the pricing page; connects to an agent in chat; Intercom messenger; asks: can we help; chat "
        "invitation; virtual agent; talks in the chat window; text conversation with support; hello from "
        "the bot; chat box",
    ),
    Kind(
        "assign_manager",
        "Gives the customer a named person who looks after the account.",
        names=("assign_csm", "assign_owner", "dedicated_manager"),
        says="customer success manager; CSM; account manager; dedicated contact; named agent; account owner; "
        "concierge; personal adviser; assigns a representative; single point of contact; relationship "
        "manager; onboarding specialist; a named contact takes over the account; dedicated success "
        "manager; assigns a CSM; personal onboarding specialist; account gets an owner; introduces the "
        "new account manager; key account manager; one person to turn to; named representative; "
        "relationship owner; routes the account to a manager; white-glove",
    ),
    Kind(
        "request_feedback",
        "Asks how satisfied the customer is: survey, CSAT or NPS.",
        names=("csat_survey", "nps_survey", "send_survey"),
        says="survey; NPS; CSAT; customer effort score; feedback; questionnaire; rate your experience; "
        "satisfaction; how likely to recommend; poll; rating after a ticket is solved; asks what they "
        "think; exit survey; opinion; NPS survey after 30 days; how satisfied were you; two-question "
        "survey; rate our service after the ticket closed; thumbs up or down; asks why they are leaving; "
        "exit questionnaire; score from 0 to 10; how easy was it; feedback form; pulse survey; how did we "
        "do; what could be better; satisfaction score",
    ),
    Kind(
        "grant_compensation",
        "Makes up for a problem with a refund, credit or goodwill gesture.",
        names=("goodwill_credit", "issue_refund", "send_apology"),
        says="refund; goodwill credit; compensation; apology; service credit; gesture; makes up for an outage, "
        "delay or bad experience; sorry; reimburses; waives a fee; SLA credit; money back; voucher as an "
        "apology; replacement sent free; refunds the last invoice after an outage; 10 dollar apology "
        "credit; makes good for the delay; says sorry with a voucher; goodwill gesture; credits the "
        "account for downtime; waives the fee because of a mistake; partial refund; replacement free of "
        "charge; SLA breach credit; compensates; amends; apology with a credit; money back after a "
        "complaint; late delivery refund",
    ),
    Kind(
        "show_tour",
        "Shows a guided tour, checklist or tooltip within the product.",
        names=("product_tour", "start_tour", "walkthrough"),
        says="product tour; interactive walkthrough; onboarding checklist; tooltip; hotspot; guided setup; "
        "in-app guide; highlights a feature on the screen; step-by-step within the app; coach marks; "
        "setup wizard; interactive demo; points at buttons; walks the user through the dashboard step by "
        "step; highlights the export button; checklist in the app; tooltips on first login; guided "
        "walkthrough; interactive guide; hotspots point at new features; in-app onboarding; step-by-step "
        "overlay; shows where to click; setup checklist; spotlight; Pendo, Appcues, WalkMe; wizard; "
        "beacon",
    ),
    Kind(
        "invite_training",
        "Invites the customer to a webinar, workshop or group training.",
        names=("invite_webinar", "offer_training", "send_webinar"),
        says="webinar; workshop; group training; office hours; class; live session for several customers; boot "
        "camp; certification course; user group; online event; academy; seminar; cohort; masterclass; "
        "seat in Thursday's webinar; live workshop for admins; group session; registers for a class; "
        "invite to office hours; training day; online academy course; bootcamp; monthly Q&A session; "
        "webinar invitation; live demo for many; certification programme; cohort onboarding; master "
        "class; user conference; seminar for new customers",
    ),
)
