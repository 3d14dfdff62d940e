//! How labels and numbers are written where state is kept.

use promql::Labels;

/// Labels as pairs.
pub fn pairs(labels: &Labels) -> Vec<(String, String)> {
    labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect()
}

pub(super) mod labels {
    //! Labels as a list of pairs.
    use promql::Labels;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(labels: &Labels, serializer: S) -> Result<S::Ok, S::Error> {
        super::pairs(labels).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        Ok(Labels::new(Vec::<(String, String)>::deserialize(deserializer)?))
    }
}

pub(super) mod float {
    //! A number as text: JSON has no infinities.
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
