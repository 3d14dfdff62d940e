//! Which of the models that answered an agent is another one than before.
//!
//! A call names the model it asks for, and most name the one that answered as well. The two are often different names of one model: an
//! alias is asked for, and its dated form answers. So a name that is known to be asked for while another answers is no answer, and the
//! first answer to an alias is no change of it.

use model::{Span, SpanStatus, Timestamp};

/// How a name of a model was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It answered, or was asked for and nothing says that another answered.
    Answered,
    /// It was asked for, and another answered.
    Asked,
    /// One of the two: kept by a program that did not tell them apart.
    Unclear,
}

impl Told {
    /// The word it is kept under. It is empty where nobody wrote one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Asked => "asked",
            Self::Unclear => "",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Self {
        [Self::Answered, Self::Asked].into_iter().find(|told| told.as_str() == word).unwrap_or(Self::Unclear)
    }
}

/// The first sight of a name.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// How.
    pub told: Told,
    /// The name.
    pub name: &'a str,
    /// The first to answer to it, where it was asked for.
    pub answer: &'a str,
    /// When.
    pub at: Timestamp,
}

/// The names a call tells: the one that answered, and the one it was asked for by, where that is another.
///
/// Without a model that answered, a span's model is the one asked for: such a call proves nothing where it failed.
pub(super) fn told_by(span: &Span) -> Option<(&str, Option<&str>)> {
    let asked = span.request_model.as_deref();
    let model = span.model.as_deref().or(asked)?;
    let asked = asked.filter(|asked| *asked != model);
    let answered = asked.is_some() || (span.status != SpanStatus::Error && !span.end.is_unset());
    answered.then_some((model, asked))
}

/// The changes among sights of one agent, which are in order of time: the positions of what was there before and of what came.
pub fn changes(sights: &[Sight<'_>]) -> Vec<(usize, usize)> {
    let asked = |name: &str| sights.iter().find(|sight| sight.told == Told::Asked && sight.name == name);
    let answered = |name: &str| sights.iter().any(|sight| sight.told == Told::Answered && sight.name == name);
    let stands_for =
        |name: &str, other: &str| is_dated(other, name) || asked(name).is_some_and(|asked| asked.answer == other);
    let (mut known, mut last, mut found) = (Vec::<&str>::new(), None, Vec::new());
    for (at, sight) in sights.iter().enumerate() {
        let name = sight.name;
        if sight.told == Told::Asked || known.contains(&name) {
            continue;
        }
        let alias = asked(name).is_some_and(|asked| match sight.told {
            Told::Unclear => !answered(name),
            _ => asked.at <= sight.at,
        });
        let alias = alias || known.iter().any(|other| is_dated(other, name));
        // What an alias stood for until now, its first answer, is no other model than the alias.
        let only_for = |alias: &&str| {
            stands_for(alias, name) && !known.iter().any(|other| other != alias && stands_for(alias, other))
        };
        let same = known.iter().any(only_for);
        known.push(name);
        if alias {
            continue;
        }
        if let Some(before) = last.replace(at).filter(|_| !same) {
            found.push((before, at));
        }
    }
    found
}

/// Whether a name is another with a date or the number of a release behind it: `gpt-4o-2024-08-06` of `gpt-4o`.
fn is_dated(name: &str, alias: &str) -> bool {
    let alias = alias.strip_suffix("-latest").unwrap_or(alias);
    let date = name.strip_prefix(alias).and_then(|rest| rest.strip_prefix(['-', '@']));
    date.is_some_and(|date| {
        let digits = date.bytes().filter(u8::is_ascii_digit).count();
        digits >= 3 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::Told::{Answered, Asked, Unclear};
    use super::*;

    const NONE: [&str; 0] = [];

    /// The changes among sights that came one after the other, as `before > now`. An alias is `alias=answer`.
    fn found(sights: &[(Told, &str)]) -> Vec<String> {
        let mut found = Vec::<Sight<'_>>::new();
        for (told, text) in sights {
            let (name, answer) = text.split_once('=').unwrap_or((text, ""));
            found.push(Sight { told: *told, name, answer, at: Timestamp::from_nanos(found.len() as i64) });
        }
        changes(&found).into_iter().map(|(old, new)| format!("{} > {}", found[old].name, found[new].name)).collect()
    }

    #[test]
    fn another_model_that_answers_is_a_change_and_the_first_is_none() {
        assert_eq!(found(&[(Answered, "gpt-4o")]), NONE);
        let switched = [(Answered, "gpt-4o"), (Answered, "claude-opus-4"), (Answered, "gpt-5")];
        assert_eq!(found(&switched), ["gpt-4o > claude-opus-4", "claude-opus-4 > gpt-5"]);
        let behind_an_alias = [
            (Asked, "gpt-4o=gpt-4o-2024-05-13"),
            (Answered, "gpt-4o-2024-05-13"),
            (Answered, "gpt-4o"),
            (Answered, "gpt-4o-2024-08-06"),
        ];
        assert_eq!(found(&behind_an_alias), ["gpt-4o-2024-05-13 > gpt-4o-2024-08-06"]);
    }

    #[test]
    fn an_alias_and_what_it_stands_for_are_one_model_whichever_comes_first() {
        let dated = "gpt-5.1-2025-11-13";
        assert_eq!(found(&[(Answered, "gpt-5.1"), (Answered, dated)]), NONE);
        assert_eq!(found(&[(Answered, dated), (Answered, "gpt-5.1")]), NONE);
        assert_eq!(found(&[(Answered, "sonnet-latest"), (Answered, "sonnet-20241022")]), NONE);
        let deployment = [(Answered, "prod"), (Asked, "prod=gpt-4o-2024-08-06"), (Answered, "gpt-4o-2024-08-06")];
        assert_eq!(found(&deployment), NONE);
        let streamed = [(Asked, "prod=gpt-4o-2024-08-06"), (Answered, "gpt-4o-2024-08-06"), (Answered, "prod")];
        assert_eq!(found(&streamed), NONE);
        let moved = [&streamed[..], &[(Answered, "gpt-5")]].concat();
        assert_eq!(found(&moved), ["gpt-4o-2024-08-06 > gpt-5"]);
        // The second answer to an alias is another model.
        let second = [&deployment[..], &[(Answered, "gpt-4o-2024-11-20")]].concat();
        assert_eq!(found(&second), ["gpt-4o-2024-08-06 > gpt-4o-2024-11-20"]);
    }

    #[test]
    fn what_was_kept_unclear_is_an_answer_unless_it_was_only_asked_for() {
        let artefact = [(Unclear, "gpt-4o-2024-08-06"), (Unclear, "prod")];
        assert_eq!(found(&artefact), ["gpt-4o-2024-08-06 > prod"]);
        let since = [(Asked, "prod=gpt-4o-2024-08-06"), (Answered, "gpt-4o-2024-08-06")];
        assert_eq!(found(&[&artefact[..], &since].concat()), NONE);
        assert_eq!(found(&[(Unclear, "gpt-5.1-2025-11-13"), (Unclear, "gpt-5.1")]), NONE);
        assert_eq!(found(&[(Unclear, "gpt-4o"), (Unclear, "gpt-5")]), ["gpt-4o > gpt-5"]);
    }

    #[test]
    fn sizes_and_generations_are_no_dates() {
        for (name, alias) in [("gpt-4o-mini", "gpt-4o"), ("claude-sonnet-4-5", "claude-sonnet-4"), ("gpt-5.1", "gpt-5")]
        {
            assert!(!is_dated(name, alias), "{name}");
        }
        for (name, alias) in
            [("gpt-4-0613", "gpt-4"), ("sonnet@20241022", "sonnet"), ("gemini-1.5-pro-002", "gemini-1.5-pro")]
        {
            assert!(is_dated(name, alias), "{name}");
        }
    }
}
