//! `GET` and `PUT /api/v1/prices`: prices of your own. `GET /api/v1/prices/of`: the price of a model, whoever set it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use signals::prices::Class;
use utoipa::IntoParams;

use super::body::utf8;
use super::params::Params;
use super::types::{ModelPrice, PriceRow, PricesAnswer, Problem};
use crate::app::App;
use crate::money::{PRICES_TEXT, kept};

/// The prices.
#[utoipa::path(get, path = "/api/v1/prices", operation_id = "getPrices", tag = "money", summary = "Prices of your own",
    responses((status = 200, body = PricesAnswer, description = "The rows above the built-in ones")))]
pub async fn get(State(app): State<Arc<App>>) -> Result<Json<PricesAnswer>, Problem> {
    let text = app.with_state(|state| state.read(|connection| kept::kept_text(connection, PRICES_TEXT))).await?;
    let prices = app.money.prices();
    let built_in = signals::prices::Prices::built_in().rows().count();
    let own = prices.rows().skip(built_in).map(|row| PriceRow {
        id: row.id.to_string(),
        provider: row.provider.to_string(),
        model: row.model.to_string(),
        from: row.from,
        input: row.rates.rate(Class::Input).per_million().as_f64(),
        output: row.rates.rate(Class::Output).per_million().as_f64(),
    });
    Ok(Json(PricesAnswer {
        built_in,
        own: own.collect(),
        files: app.money.files().prices.iter().map(|path| path.display().to_string()).collect(),
        text: text.unwrap_or_default(),
    }))
}

/// Which model's price is asked for.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters; they are read by `Params`")]
pub struct PriceParams {
    /// The model, as its provider or a client writes it; dated versions and aliases are known.
    pub model: String,
    /// Who sells it; left out, as for a span that does not say.
    pub provider: Option<String>,
}

/// The price of a model.
#[utoipa::path(get, path = "/api/v1/prices/of", operation_id = "getModelPrice", tag = "money", summary = "The price of a model now",
    description = "The row a call of this model would be priced by at this moment, built in or your own, and where it was read. Other \
        tiers, long prompts and hours a row may have besides are in `docs/prices.md`.",
    params(PriceParams),
    responses((status = 200, body = ModelPrice, description = "The row"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No model is named"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No row is for this model: its calls are listed as unpriced")))]
pub async fn of(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<ModelPrice>, Problem> {
    let (model, provider) = (params.one("model")?, params.one("provider")?);
    params.end()?;
    let model = model.ok_or_else(|| Problem::bad_request("which model? Say `model=gpt-4o`"))?;
    let prices = app.money.prices();
    let Some(found) = prices.find(provider.as_deref(), &model, app.now()) else {
        let seller = provider.map_or_else(String::new, |provider| format!(" of {provider}"));
        return Err(Problem::not_found(format!(
            "no price is known for the model {model}{seller}: give it one (docs/prices.md), with `tawny costs prices --set FILE` for example"
        )));
    };
    let row = found.row;
    Ok(Json(ModelPrice {
        id: row.id.to_string(),
        provider: row.provider.to_string(),
        model: row.model.to_string(),
        from: row.from,
        rates: Class::ALL.map(|class| (class.as_str().to_owned(), row.rates.rate(class).per_million().as_f64())).into(),
        regional: found.regional,
        source: row.source.to_string(),
        read: row.read.as_ref().map(ToString::to_string),
    }))
}

/// Other prices.
#[utoipa::path(put, path = "/api/v1/prices", operation_id = "putPrices", tag = "money",
    summary = "Put prices of your own in place",
    description = "The body is a price file (TOML, `docs/prices.md`); it lies above the files of the settings and takes the place of what \
        was put before; an empty one removes it. Calls that come in from now on are priced by it; `POST /api/v1/costs/reprice` prices those that \
        are there.",
    request_body(content = String, content_type = "application/toml"),
    responses((status = 200, body = PricesAnswer, description = "The prices in place"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The text is wrong; the detail says where")))]
pub async fn put(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<PricesAnswer>, Problem> {
    let (text, now) = (utf8(&body)?.to_owned(), app.now());
    app.store()?;
    app.money.set_prices(&text).map_err(|error| Problem::bad_request(error.to_string()))?;
    app.with_state(move |state| state.write(|tx| kept::keep_text(tx, PRICES_TEXT, &text, now))).await?;
    get(State(app)).await
}
