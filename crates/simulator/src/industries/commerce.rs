//! E-commerce: an agent that watches orders and answers customers; refunds are its high-risk tool.

use serde_json::json;

use crate::card::{AgentCard, GPT_4O, GPT_5_MINI, ToolCard};
use crate::chat::Chat;
use crate::plan::{Failure, Severity};
use crate::scene::{Call, Scene, round};
use crate::simulator::Session;

static OBSERVER: AgentCard =
    AgentCard { name: "fulfilment-agent-03", description: "Answers customers about orders and acts on them." };

static TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "get_order",
        description: "Returns an order with its lines, payments and state.",
        arguments: &["order"],
        typical_ms: 85.0,
    },
    ToolCard {
        name: "track_shipment",
        description: "Returns the carrier's scans of a parcel.",
        arguments: &["parcel"],
        typical_ms: 260.0,
    },
    ToolCard {
        name: "check_stock",
        description: "Returns stock of an article by warehouse.",
        arguments: &["article"],
        typical_ms: 70.0,
    },
    ToolCard {
        name: "calculate_price",
        description: "Asks the price service what an article or a service of an order costs, discounts taken off.",
        arguments: &["order", "item"],
        typical_ms: 140.0,
    },
    ToolCard {
        name: "process_refund",
        description: "Refunds a payment, fully or in part. High risk.",
        arguments: &["order", "amount#", "reason"],
        typical_ms: 640.0,
    },
    ToolCard {
        name: "return_unable_to_process",
        description: "Ends the conversation and tells the customer that the request cannot be processed.",
        arguments: &["order", "reason"],
        typical_ms: 60.0,
    },
    ToolCard {
        name: "reroute_shipment",
        description: "Sends a parcel to another address or pick-up point.",
        arguments: &["parcel", "to"],
        typical_ms: 480.0,
    },
    ToolCard {
        name: "create_replacement",
        description: "Creates a free replacement order.",
        arguments: &["order", "article"],
        typical_ms: 300.0,
    },
    ToolCard {
        name: "notify_customer",
        description: "Sends an e-mail or text message.",
        arguments: &["customer", "text"],
        typical_ms: 150.0,
    },
];

const SYSTEM: &str = "You are the order assistant of an online shop for outdoor equipment. Look up the order before you answer. \
Refunds: within 30 days of delivery, for articles that are damaged, wrong or did not arrive, up to the paid amount; use process_refund. \
Where a rule forbids the refund use return_unable_to_process and name the rule. \
Late parcels: look at the scans; without a scan for five days treat the parcel as lost and offer replacement or refund. \
Confirm every action in one sentence with amount and date. Be friendly and brief; no promises about carriers.";

static ARTICLES: &[(&str, f64)] = &[
    ("Ridgeline 45 backpack", 149.0),
    ("Fjell down jacket", 229.0),
    ("Trailhead stove", 64.9),
    ("Nightfall two-person tent", 319.0),
    ("Summit trekking poles", 79.5),
    ("Driftwood dry bag 20 l", 32.0),
];

/// Plays one customer request.
pub(super) fn play(scene: &mut Scene, session: &mut Session) -> &'static str {
    let &(article, price) = &ARTICLES[session.subject % ARTICLES.len()];
    let order = format!("SO-{}", 700_000 + session.subject % 90_000);
    let kind = if session.turn > 1 { 1 } else { scene.random.between(0, 4) };
    let (task, words) = match kind {
        0 => (
            "where_is_my_order",
            format!("Hi, where is my order {order}? The {article} should have been here on Tuesday."),
        ),
        1 => ("where_is_my_order", format!("Any news about {order}? It still says the parcel is on its way.")),
        2 => (
            "refund",
            format!("The {article} from order {order} arrived damaged, the seam is open. I would like my money back."),
        ),
        3 => (
            "refund",
            format!(
                "I changed my mind about the {article} ({order}), I bought it in spring and never used it. Refund please."
            ),
        ),
        _ => (
            "change_address",
            format!("I moved last week. Can you send order {order} to the pick-up point at the station instead?"),
        ),
    };
    let model = if scene.random.chance(0.5) { &GPT_4O } else { &GPT_5_MINI };
    let customer = session.user.clone();
    let _ = scene.agent(&OBSERVER, &words, |scene| {
        let mut chat = Chat::new(model, SYSTEM, TOOLS);
        chat.user(words.as_str());
        let parcel = format!("PX{}", scene.random.between(10_000_000, 99_999_999));
        let placed = if kind == 3 { 190 } else { scene.random.between(3, 16) };
        scene.act(&mut chat, "", vec![Call::new("get_order", json!({"order": order}), json!({
            "order": order, "article": article, "paid": price, "currency": "EUR", "placed_days_ago": placed,
            "parcel": parcel, "state": if kind == 4 { "packed" } else { "shipped" },
        }))])?;
        match kind {
            0 | 1 => track(scene, &mut chat, &order, &parcel, article, price),
            2 => {
                scene.act(&mut chat, "What was paid for the article?", vec![priced(&order, article, price)])?;
                scene.act(&mut chat, "Damaged on arrival and within 30 days: a refund is due.", vec![Call::new(
                    "process_refund",
                    json!({"order": order, "amount": price, "reason": "damaged on arrival"}),
                    json!({"refund": format!("RF-{}", scene.random.between(10_000, 99_999)), "amount": price, "status": "success"}),
                )])?;
                scene.log(Severity::Info, "refund processed", vec![("order", json!(order)), ("amount", json!(price))]);
                scene.act(&mut chat, "", vec![notice(&customer, "Your refund is on its way.")])?;
                scene.answer(&mut chat, format!("I am sorry about the open seam. {price:.2} EUR for the {article} go back to your card today, expect them within three working days. You may keep or recycle the article."))
            }
            3 => {
                scene.act(&mut chat, "Bought over 30 days ago and not faulty; the rule forbids a refund.", vec![Call::new(
                    "return_unable_to_process",
                    json!({"order": order, "reason": "outside of the 30 day period, article not faulty"}),
                    json!({"status": "success"}),
                )])?;
                scene.answer(&mut chat, format!("I looked at {order}: it was delivered more than 30 days ago and the article is not faulty, so I cannot refund it. The warranty of two years still holds if anything breaks."))
            }
            _ => {
                scene.act(&mut chat, "Is the change free?", vec![priced(&order, "pick-up point", 0.0)])?;
                scene.act(&mut chat, "Still packed, so the address can be changed.", vec![Call::new(
                    "reroute_shipment",
                    json!({"parcel": parcel, "to": "pick-up point station"}),
                    json!({"parcel": parcel, "status": "success", "ready": "tomorrow after 14:00"}),
                )])?;
                scene.answer(&mut chat, format!("Done: {order} goes to the pick-up point at the station and is ready tomorrow after 14:00. Bring the code from the e-mail."))
            }
        }
    });
    task
}

fn track(
    scene: &mut Scene,
    chat: &mut Chat,
    order: &str,
    parcel: &str,
    article: &str,
    price: f64,
) -> Result<String, Failure> {
    let silent = scene.random.between(0, 8);
    let scans: Vec<_> = ["accepted", "sorted", "departed hub", "arrived at depot"]
        .iter()
        .take(scene.random.between(1, 4) as usize)
        .map(|what| json!({"what": what, "where": scene.random.pick(&["Kassel", "Venlo", "Malmo", "Leipzig"])}))
        .collect();
    let result = json!({"parcel": parcel, "scans": scans, "days_since_last_scan": silent});
    scene.act(chat, "", vec![Call::new("track_shipment", json!({"parcel": parcel}), result)])?;
    if silent < 5 {
        let days = scene.random.between(1, 3);
        return scene.answer(chat, format!("Your parcel {parcel} with the {article} was scanned {silent} days ago and moves. Please expect it in about {days} days; I have asked to be told if it stops."));
    }
    let stock = scene.random.between(0, 40);
    scene.act(
        chat,
        "No scan for five days or more: lost under our rules. Is there stock for a replacement?",
        vec![Call::new(
            "check_stock",
            json!({"article": article}),
            json!({"article": article, "stock": [{"warehouse": "Venlo", "pieces": stock}]}),
        )],
    )?;
    if stock > 5 {
        let replacement = format!("SO-{}", scene.random.between(790_000, 799_999));
        scene.act(
            chat,
            "",
            vec![Call::new(
                "create_replacement",
                json!({"order": order, "article": article}),
                json!({"order": replacement, "status": "success"}),
            )],
        )?;
        return scene.answer(chat, format!("The parcel seems to be lost, I am sorry. A replacement {replacement} leaves our warehouse today, free of charge."));
    }
    let amount = round(price, 2);
    scene.act(chat, "Out of stock, so the money goes back.", vec![Call::new(
        "process_refund",
        json!({"order": order, "amount": amount, "reason": "parcel lost"}),
        json!({"refund": format!("RF-{}", scene.random.between(10_000, 99_999)), "amount": amount, "status": "success"}),
    )])?;
    scene.answer(
        chat,
        format!(
            "The parcel seems to be lost and the {article} is out of stock, so I refunded {amount:.2} EUR to your card."
        ),
    )
}

fn priced(order: &str, item: &str, price: f64) -> Call {
    let result = json!({"order": order, "item": item, "price": price, "currency": "EUR"});
    Call::new("calculate_price", json!({"order": order, "item": item}), result)
}

fn notice(customer: &str, text: &str) -> Call {
    Call::new("notify_customer", json!({"customer": customer, "text": text}), json!({"status": "success"}))
}
