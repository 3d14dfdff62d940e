//! All rows, and which one holds for a provider, a model and a moment.

use std::collections::HashMap;
use std::sync::Arc;

use model::Timestamp;

use super::name::{self, Form, Name};
use super::row::Row;

/// Providers whose spans often name another's model: OpenAI's SDK speaks to every compatible server, gateways pass
/// calls on. Their models are looked for with the makers too. Any other provider sells at its own price.
const ANY_MODEL: &[&str] = &[
    "openai",
    "litellm",
    "litellm_proxy",
    "openrouter",
    "portkey",
    "helicone",
    "gateway",
    "vercel",
    "vercel_ai_gateway",
    "ai_gateway",
    "cloudflare",
    "cloudflare_ai_gateway",
    "kong",
    "envoy",
    "databricks_gateway",
    "custom_openai",
    "openai_compatible",
    "openai_like",
    "_other",
    "unknown",
];

/// A provider the table knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Seller {
    /// OpenTelemetry's spelling.
    pub id: Arc<str>,
    /// Other spellings, and words that stand for it in front of a model's name.
    pub spellings: Vec<String>,
    /// Providers whose list prices it asks for models of which it has no row.
    pub same_as: Vec<Arc<str>>,
    /// It makes its models: where nobody says who served a call, its price holds.
    pub maker: bool,
    /// Its customers name deployments, not models.
    pub deployments: bool,
}

/// A row that holds, and how.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The row.
    pub row: &'a Row,
    /// The call went to a regional endpoint of a model that costs more there.
    pub regional: bool,
}

/// The rows and their index.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub sellers: Vec<Seller>,
    pub rows: Vec<Row>,
    /// Provider, folded model or alias → rows.
    names: HashMap<Arc<str>, HashMap<Box<str>, Vec<usize>>>,
    layers: u32,
    /// Moments from which on some row holds, sorted: between two of them every look-up gives the same.
    changes: Vec<Timestamp>,
}

/// A user's rows without a provider.
pub(super) const ANY: &str = "*";
/// The provider whose ids tell the vendor and the region.
const BEDROCK: &str = "aws.bedrock";

impl Table {
    /// The provider's spelling in the table; unknown ones keep their own, folded.
    pub(super) fn provider(&self, name: &str) -> Arc<str> {
        let folded = name::fold_provider(name);
        match self.seller(&folded) {
            Some(seller) => seller.id.clone(),
            None => folded.into(),
        }
    }

    fn seller(&self, folded: &str) -> Option<&Seller> {
        self.sellers
            .iter()
            .find(|seller| *seller.id == *folded || seller.spellings.iter().any(|spelling| spelling == folded))
    }

    /// Starts a layer whose rows win over all before.
    pub(super) fn next_layer(&mut self) -> u32 {
        self.layers += 1;
        self.layers - 1
    }

    /// Adds a row under its model and aliases; the clashing name where another row of the same layer, provider and first day has it.
    pub(super) fn add(&mut self, row: Row, aliases: &[String]) -> Result<(), String> {
        let names = self.names.entry(row.provider.clone()).or_default();
        let keys = std::iter::once(&*row.model).chain(aliases.iter().map(String::as_str));
        for spelled in keys {
            let rows = names.entry(name::fold(spelled).into()).or_default();
            // An alias that is another spelling of the model or of an alias before it.
            if rows.last() == Some(&self.rows.len()) {
                continue;
            }
            if rows.iter().any(|&at| self.rows[at].layer == row.layer && self.rows[at].from == row.from) {
                return Err(spelled.to_owned());
            }
            rows.push(self.rows.len());
        }
        if let Some(from) = row.from
            && let Err(place) = self.changes.binary_search(&from)
        {
            self.changes.insert(place, from);
        }
        self.rows.push(row);
        Ok(())
    }

    /// Number of the stretch between two price changes in which a moment lies.
    pub(super) fn epoch(&self, at: Timestamp) -> usize {
        self.changes.partition_point(|change| *change <= at)
    }

    /// The row for a model of a provider at a moment. A user's rows are asked before the built-in ones.
    pub(super) fn find(&self, provider: Option<&str>, model: &str, at: Timestamp) -> Option<Found<'_>> {
        let provider = provider.filter(|provider| !provider.trim().is_empty()).map(|provider| self.provider(provider));
        let name = Name::parse(model, provider.as_deref() == Some(BEDROCK))?;
        (0..self.layers).rev().find_map(|layer| {
            let search = Search { table: self, name: &name, at, layer };
            let row = search.named(provider.as_deref()).or_else(|| search.deployment(provider.as_deref()?, model))?;
            Some(Found { row, regional: name.regional })
        })
    }
}

/// One look-up in one layer.
struct Search<'a, 'n> {
    table: &'a Table,
    name: &'n Name,
    at: Timestamp,
    layer: u32,
}

impl<'a> Search<'a, '_> {
    /// Where Bedrock's shape says so with Bedrock; with the provider; with the one in the name's path; for calls whose
    /// provider may not be the seller, with the makers and then with the only other one that has the model.
    fn named(&self, provider: Option<&str>) -> Option<&'a Row> {
        let bedrock = self.name.bedrock.then_some(BEDROCK);
        let told = bedrock.into_iter().chain(provider).find_map(|seller| self.sold(seller, &self.name.forms));
        if told.is_some() {
            return told;
        }
        if let Some(row) = self.in_path() {
            return Some(row);
        }
        if self.layer > 0
            && let Some(row) = self.any_form(ANY, &self.name.forms)
        {
            return Some(row);
        }
        if provider.is_some_and(|provider| !ANY_MODEL.contains(&provider)) {
            return None;
        }
        let makers = self.table.sellers.iter().filter(|seller| seller.maker);
        makers.clone().find_map(|maker| self.any_form(&maker.id, &self.name.forms)).or_else(|| self.only_one())
    }

    /// A provider's row, else one of a provider whose prices it shares.
    fn sold(&self, seller: &str, forms: &[Form]) -> Option<&'a Row> {
        self.any_form(seller, forms).or_else(|| {
            let shared = &self.table.seller(seller)?.same_as;
            shared.iter().find_map(|other| self.any_form(other, forms))
        })
    }

    /// `azure/gpt-4o`, `groq/llama-3.3-70b-versatile`: the path names the seller.
    fn in_path(&self) -> Option<&'a Row> {
        self.name.forms.iter().enumerate().find_map(|(at, form)| {
            let seller = self.table.provider(form.prefix.as_deref()?);
            self.sold(&seller, &self.name.forms[at..])
        })
    }

    /// The row of a model that a single provider lists.
    fn only_one(&self) -> Option<&'a Row> {
        let mut found = self.table.sellers.iter().filter_map(|seller| self.any_form(&seller.id, &self.name.forms));
        let first = found.next()?;
        found.all(|other| std::ptr::eq(first, other)).then_some(first)
    }

    fn any_form(&self, seller: &str, forms: &[Form]) -> Option<&'a Row> {
        let names = self.table.names.get(seller)?;
        forms.iter().flat_map(|form| &form.keys).find_map(|key| self.in_force(names.get(key.as_str())?))
    }

    /// Of a model's rows in this layer, the one that holds at the moment: the latest that has begun.
    fn in_force(&self, rows: &[usize]) -> Option<&'a Row> {
        let rows = rows.iter().map(|&row| &self.table.rows[row]);
        rows.filter(|row| row.layer == self.layer && row.from.is_none_or(|from| from <= self.at))
            .max_by_key(|row| row.from)
    }

    /// Azure's customers name their deployments; most put the model's name in.
    fn deployment(&self, provider: &str, model: &str) -> Option<&'a Row> {
        let seller = self.table.seller(provider).filter(|seller| seller.deployments)?;
        let last = model.rsplit('/').next()?;
        let look = |key: &str| {
            let form = [Form { prefix: None, keys: vec![key.to_owned()] }];
            self.sold(&seller.id, &form).or_else(|| self.any_form(ANY, &form))
        };
        look(&name::deployment(last, |key| look(key).is_some())?)
    }
}
