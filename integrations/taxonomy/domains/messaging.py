"""What messaging platforms do: here the channel is the kind."""

from integrations.taxonomy.kind import Kind

MESSAGING = (
    Kind(
        "send_email",
        "Sends an email.",
        names=("email", "trigger_email"),
        says="email; e-mail; mails a newsletter; transactional email; email campaign; inbox of the address; "
        "subject line; HTML template; mailing; email digest; electronic mail; drip email; transactional "
        "template through SES, Mailjet, SendGrid, Mailgun, Postmark; goes to the mailbox; mails a "
        "receipt; newsletter; mailbox; SMTP; campaign to subscribers' inbox; HTML mail; welcome mail; "
        "email blast; triggered mail with personalised subject; sends a mail; unsubscribe footer; mail "
        "merge",
    ),
    Kind(
        "send_push",
        "Sends a push notification to a phone or browser.",
        names=("push", "push_notification"),
        says="push notification; mobile push; web push; browser notification; notification on the lock screen; "
        "iOS and Android devices; push alert; rich push; device token; APNs; FCM; Firebase; push to the "
        "handset; home screen; alert on the phone's lock screen; notification via APNs or FCM; push to "
        "all devices of the user; browser push; OneSignal; wakes the app; mobile notification; Android "
        "and iOS; deep link from a notification; device notification; silent push; badge count; pushes a "
        "reminder to the handset; notification tray",
    ),
    Kind(
        "send_sms",
        "Sends a text message (SMS, MMS or RCS) to a phone number.",
        names=("sms", "text_message"),
        says="SMS; text message; texts the user; MMS; RCS; short message; short code; mobile number; phone "
        "number; cell phone; texting; 160 characters; picture message; texts the customer; SMS via "
        "Twilio; short text to the mobile; one-way text; message to a cell phone; text with a link; SMS "
        "gateway; MMS with a picture; RCS card; sends a text; handset number; sender id; GSM; one-time "
        "text reminder",
    ),
    Kind(
        "show_message",
        "Shows a message within the app or site: banner, modal, card or inbox item.",
        names=("in_app_message", "show_banner"),
        says="in-app message; banner; modal; pop-up, popup, popover, overlay; content card; slide-in; toast; "
        "on-site message; interstitial; full-screen; notification centre; message centre; app inbox; "
        "displays in the app; while browsing the website; sticky bar; lightbox; feed; banner on top of "
        "the home screen; modal dialog on login; pop-up on exit intent; card in the feed; inbox inside "
        "the app; bottom sheet; snackbar; tooltip with news; overlay on the website; in-product message; "
        "notice bar; full screen takeover; splash; shown when the app opens; message inside the product; "
        "announcement bar; embedded block; native message; in-app survey card; slide-up",
    ),
    Kind(
        "send_chat",
        "Sends a message through a chat app such as WhatsApp, Messenger, Telegram or LINE.",
        names=("send_messenger", "send_telegram", "send_whatsapp"),
        says="WhatsApp; Facebook Messenger; Telegram; LINE; Viber; WeChat; KakaoTalk; Slack; Discord; "
        "Instagram direct message; chat app; DM; iMessage; Signal; conversation in a messenger; chatbot; "
        "WhatsApp template message; sends over Telegram bot; LINE official account; Messenger thread; DM "
        "on Instagram; Apple Messages for Business; chat thread; approved WhatsApp template; Slack DM; "
        "message in the user's messenger; instant messenger; Zalo",
    ),
    Kind(
        "send_letter",
        "Sends a letter, postcard or catalogue by post.",
        names=("direct_mail", "send_mailer", "send_postcard"),
        says="postcard; direct mail; letter; printed catalogue; brochure; physical mail; by post; postal "
        "address; handwritten card; printed piece; flyer; mailer to the home address; leaflet; letterbox; "
        "stamp; print; prints and posts a postcard; paper letter; mails a printed catalogue to the home; "
        "physical card with a stamp; envelope; Lob; direct mail piece; brochure in the letterbox; "
        "handwritten note by post; posted to the street address; on paper; printed mailing; parcel with a "
        "flyer; franked",
    ),
    Kind(
        "show_ad",
        "Adds the user to an audience of an ad network, or shows a retargeting ad.",
        names=("add_to_audience", "retarget", "sync_audience"),
        says="retargeting; remarketing; custom audience; Facebook, Meta, Google, TikTok, LinkedIn or Instagram "
        "ads; ad campaign; lookalike; advertising; paid media; ad network; audience sync; display ads; "
        "Customer Match; sponsored; paid social; adds the hashed email to a Facebook custom audience; "
        "Google Ads customer list; retargets on Instagram; display banner on other sites; lookalike seed; "
        "programmatic; TikTok audience; ads to people who left; puts the "
        "user in a remarketing list; bids; sponsored post; ad platform; LinkedIn matched audience; DSP; "
        "paid campaign",
    ),
)
