//! What an answer decided, by the words that tell it: approved, declined, refunded, unable, … in several languages.
//!
//! No understanding is claimed: that the share of answers with such words changes is what drift looks at.

use std::sync::LazyLock;

use super::text::{self, Phrases};

/// Bytes of an answer that are looked at.
const LOOKED_AT: usize = 4_000;

/// Words in answers that tell what was decided, most telling first.
const DECISIONS: &[(&str, &[&str])] = &[
    (
        "declined",
        &[
            "declined",
            "denied",
            "rejected",
            "not approved",
            "cannot approve",
            "unable to approve",
            "not eligible",
            "abgelehnt",
            "nicht genehmigt",
            "refusé",
            "rejeté",
            "rechazad",
            "denegad",
            "rifiutat",
            "recusad",
            "отказано",
            "не одобрен",
            "拒绝",
            "却下",
        ],
    ),
    (
        "unable",
        &[
            "unable to",
            "cannot process",
            "can't process",
            "not able to",
            "cannot refund",
            "cannot help",
            "nicht möglich",
            "je ne peux pas",
            "impossible de",
            "no puedo",
            "no es posible",
            "não posso",
            "non posso",
            "无法",
            "できません",
        ],
    ),
    (
        "approved",
        &[
            "approved",
            "we are happy to offer",
            "has been granted",
            "genehmigt",
            "bewilligt",
            "approuvé",
            "accordé",
            "aprobad",
            "concedid",
            "approvat",
            "aprovad",
            "одобрен",
            "批准",
            "承認",
        ],
    ),
    (
        "refunded",
        &[
            "refunded",
            "refund of",
            "go back to your card",
            "money goes back",
            "erstattet",
            "remboursé",
            "reembols",
            "rimborsat",
            "退款",
            "返金",
        ],
    ),
    ("cancelled", &["cancelled", "canceled", "storniert", "annulé", "cancelad", "annullat", "отменен", "取消"]),
    ("escalated", &["transferred you", "human agent", "escalated", "a specialist will"]),
    ("done", &["done:", "completed", "has been updated", "successfully"]),
];

/// What an answer decided; `none` where no word tells.
pub(super) fn decision(answer: &str) -> &'static str {
    static PHRASES: LazyLock<Phrases> =
        LazyLock::new(|| Phrases::new(DECISIONS.iter().flat_map(|(_, phrases)| *phrases)));
    let Some(first) = PHRASES.first_in(&text::lower(answer, LOOKED_AT)) else { return "none" };
    let mut names = DECISIONS.iter().flat_map(|(name, phrases)| phrases.iter().map(move |_| name));
    names.nth(first).copied().unwrap_or("none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_known_by_their_words_in_several_languages() {
        for (answer, expected) in [
            ("Your loan is approved.", "approved"),
            ("Ihr Antrag wurde leider abgelehnt.", "declined"),
            ("Votre demande a été approuvée.", "approved"),
            ("Su solicitud fue rechazada.", "declined"),
            ("Der Betrag wird Ihnen erstattet.", "refunded"),
            ("O pedido foi cancelado.", "cancelled"),
            ("贷款已批准。", "approved"),
            ("Your application was not approved.", "declined"),
            ("The parcel is on its way.", "none"),
        ] {
            assert_eq!(decision(answer), expected, "{answer}");
        }
    }
}
